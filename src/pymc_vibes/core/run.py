"""Runs: the states a fit can be in, how it may move between them, and how it is watched.

The table `TRANSITIONS` is the only truth: the queue's guard, the docs' diagram and the stateful
test derive from it.

    queued ──► running ──► succeeded
      │           ├──────► failed
      │           ├──────► cancelled
      │           └──────► queued      (its worker died and the lease lapsed)
      ├──────────────────► cancelled
      └──────────────────► failed      (it was poison: no tries left)
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import Field

from pymc_vibes.core.answer import Answer, Gist
from pymc_vibes.core.errors import IllegalTransition
from pymc_vibes.core.records import Record


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.FAILED}),
    RunState.RUNNING: frozenset(
        {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.QUEUED}
    ),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}


def check_transition(old: RunState, new: RunState) -> None:
    """Raise `IllegalTransition` unless a run may move from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        allowed = ", ".join(sorted(TRANSITIONS[old])) or "nothing: it is over"
        raise IllegalTransition(
            f"A run that is {old} cannot become {new}; it can become {allowed}."
        )


class Progress(Record):
    """How far a run is."""

    stage: str = ""
    done: int = 0
    total: int = 0
    facts: Mapping[str, float] = {}
    """What else is known, such as `divergences` so far, or `chain_1`: the steps of that chain."""
    began: datetime | None = None
    """When the stage began."""
    updated: datetime


class Run(Record):
    """The record of one fit."""

    id: str
    experiment: str
    kind: str
    state: RunState
    created: datetime
    finished: datetime | None = None
    config: Mapping[str, Any]
    key: str | None = None
    answer: Answer | None = None
    error: Mapping[str, Any] | None = None
    """The problem document, where the run failed."""
    progress: Progress | None = None
    """The last that was heard of it, while it is not over."""
    cancelling: bool = False
    """Whether it was asked to stop and has not stopped yet."""
    started: datetime | None = None
    """When a worker last began to work on it; None where the answer was there at once."""
    worker: str | None = None
    """Who works on it, or did."""
    tries: int = 0
    """How many workers have had it."""
    priority: int = 0
    """Runs of a higher one are begun first."""
    revision: int = 0
    """How often the record changed; who follows a run knows by it what was seen already."""
    listed: Gist | None = Field(None, exclude=True)
    """What a history holds in place of the answer, which may be large."""

    @property
    def gist(self) -> Gist | None:
        """What a list says of the answer; None where there is none."""
        return self.answer.gist if self.answer is not None else self.listed

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return not TRANSITIONS[self.state]


class SamplingNeeded(Exception):  # no error: it says where the work belongs
    """Draws are needed, and whoever asks does not wait for them: the fit belongs into the queue."""


class Pending(Exception):  # no error: the answer is on its way
    """The answer is being sampled; whoever does not wait follows the run."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.id)
        self.run = run


class Watch(Protocol):
    """What a fit tells whoever waits for it."""

    @property
    def cancelled(self) -> bool:
        """Whether the fit should stop."""
        ...

    def stage(self, name: str) -> None:
        """Say that a named part of the work begins."""
        ...

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Say how far the part is."""
        ...

    def sampling(self) -> None:
        """Say that draws are needed now; raises `SamplingNeeded` where nobody waits for them."""
        ...


class _Nobody:
    cancelled = False

    def sampling(self) -> None:
        """Let it sample."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Say nothing."""


NOBODY: Watch = _Nobody()
"""The watch of a fit that nobody watches."""
