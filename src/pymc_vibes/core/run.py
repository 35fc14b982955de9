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

from pymc_vibes.core.answer import Answer
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


class _Nobody:
    cancelled = False

    def stage(self, name: str) -> None:
        """Say nothing."""

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Say nothing."""


NOBODY: Watch = _Nobody()
"""The watch of a fit that nobody watches."""
