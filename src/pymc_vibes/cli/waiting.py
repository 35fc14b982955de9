"""Waiting for an answer that is being sampled: following its run, telling how far it is, stopping.

On a terminal the progress is one line that moves; elsewhere each stage is told once. Ctrl-C cancels
the run, because whoever asked does not want it any more; a run that is only watched goes on.
"""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from pymc_vibes.cli import say
from pymc_vibes.core.errors import RunCancelled, VibesError, from_problem
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service import standing

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

INTERRUPTED = 130
FIRST_LOOK = 0.2  # seconds
LONGEST = 1.0
GROWTH = 1.25


class Asks(Protocol):
    """What waiting needs of a client."""

    def get(self, path: str, **query: Any) -> Any:
        """GET JSON."""
        ...

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST JSON, get JSON."""
        ...


def follow(client: Asks, where: str, *, is_mine: bool = True) -> Run:
    """Wait until the run at that address is over and give it; raise why it has no answer."""
    pause = FIRST_LOOK
    try:
        with _Teller() as teller:
            while not (run := Run.model_validate(client.get(where))).is_over:
                teller.tell(run)
                time.sleep(pause)
                pause = min(LONGEST, pause * GROWTH)
    except KeyboardInterrupt:
        if is_mine:
            _stop(client, where)
        raise SystemExit(INTERRUPTED) from None
    check(run)
    return run


def check(run: Run) -> None:
    """Raise why a run that is over has no answer, if it has none."""
    if run.state is RunState.CANCELLED:
        raise RunCancelled(
            f"Run {run.id} was cancelled.", hint=f"Ask again: vibes analyze {run.experiment}"
        )
    if run.error is not None:
        raise from_problem(run.error)


def _stop(client: Asks, where: str) -> None:
    try:
        run: Mapping[str, Any] = client.post(f"{where}/cancel")
    except VibesError as error:  # it was over already, or the server is gone
        say.talk(error.detail)
    else:
        say.talk(f"Cancelled run {run['id']}.")


class _Teller:
    """Tells on stderr how far a run is."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: Any = None
        self._said = ""

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, run: Run) -> None:
        """Show where it stands."""
        stage = say.clean(standing.stage(run))
        if self._bar is None:
            if stage != self._said:
                say.talk(f"{stage} (run {run.id}) ...")
            self._said = stage
            return
        facts = [*standing.facts(run), standing.elapsed(run, datetime.now(UTC))]
        share = standing.share(run)
        if self._task is None:
            self._task = self._bar.add_task(stage, total=None, facts="")
        self._bar.update(
            self._task,
            description=stage,
            completed=share or 0.0,
            total=None if share is None else 1.0,
            facts=say.clean(", ".join(facts)),
        )


def _bar() -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[facts]}", markup=False),
        console=Console(stderr=True, highlight=False, markup=False, emoji=False),
        transient=True,
    )
