"""The stages of a training, as a view of the run's state and progress."""

from dataclasses import dataclass
from typing import Literal

from pymc_vibes.core.run import Run

_STAGES: tuple[tuple[str, frozenset[str]], ...] = (
    ("Checked", frozenset()),
    ("Features", frozenset({"building features"})),
    ("Model compiled", frozenset({"wait", "compile"})),
    ("Sampled", frozenset({"sample", "update"})),
    ("Answer written", frozenset({"writing the answer"})),
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One stage, and whether it is done, under way, or still to come."""

    title: str
    state: Literal["done", "now", "later"]


def marks_of(run: Run | None) -> tuple[Mark, ...]:
    """Mark the stages of a run that is under way; what waits was checked before it was queued."""
    if run is None:
        return ()
    name = run.progress.stage if run.progress else ""
    at = next((i for i, (_, names) in enumerate(_STAGES) if name in names), 1)
    return tuple(
        Mark(title=title, state="done" if i < at else "now" if i == at else "later")
        for i, (title, _) in enumerate(_STAGES)
    )
