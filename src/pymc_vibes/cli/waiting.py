"""Waiting for an answer that is being sampled: following its run, telling how far it is, stopping.

On a terminal lines move, one for the stage and one for each chain; elsewhere each stage is told
once. Ctrl-C cancels the run, because whoever asked does not want it any more; a run that is only
watched goes on.
"""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from pymc_vibes.cli import say
from pymc_vibes.cli.following import Listens, heard
from pymc_vibes.core.errors import RunCancelled, VibesError, from_problem
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service import standing
from pymc_vibes.service.standing import Place

INTERRUPTED = 130
FIRST_LOOK = 0.2  # seconds
LONGEST = 1.0
GROWTH = 1.25


class Asks(Listens, Protocol):
    """What waiting needs of a client."""

    def get(self, path: str, **query: Any) -> Any:
        """GET JSON."""
        ...

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST JSON, get JSON."""
        ...


def follow(client: Asks, where: str, *, is_mine: bool = True) -> Run:
    """Wait until the run at that address is over and give it; raise why it has no answer."""
    try:
        with _Teller() as teller:
            for run, place in heard(client, where):
                teller.tell(run, place)
            run = _asked(client, where, teller)
    except KeyboardInterrupt:
        if is_mine:
            _stop(client, where)
        raise SystemExit(INTERRUPTED) from None
    check(run)
    return run


def _asked(client: Asks, where: str, teller: "_Teller") -> Run:
    """Ask for the run until it is over."""
    pause = FIRST_LOOK
    while not (run := Run.model_validate(client.get(where))).is_over:
        teller.tell(run, Place())
        time.sleep(pause)
        pause = min(LONGEST, pause * GROWTH)
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
        self._bars: _Bars | None = None
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = _Bars()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.close()

    def tell(self, run: Run, place: Place) -> None:
        """Show where it stands."""
        if run.is_over:
            return
        stage = say.clean(standing.stage(run))
        self._note(run, place, stage)
        if self._bars is not None:
            self._bars.show(run, stage)

    def _note(self, run: Run, place: Place, stage: str) -> None:
        """Say once what is new: the stage where nothing moves, and what else one should know."""
        news = [] if self._bars else [f"{stage} (run {run.id}) ..."]
        for text in [*news, *standing.notes(run, place)]:
            if text not in self._said:
                say.talk(text)
        self._said = {*news, *standing.notes(run, place)}


class _Bars:
    """Lines on a terminal that move: one of the stage, one of each chain."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}", markup=False),
            console=Console(stderr=True, highlight=False, markup=False, emoji=False),
            transient=True,
        )
        self._stage = self._bars.add_task("", total=None, facts="")
        self._chains: list[Any] = []
        self._bars.start()

    def close(self) -> None:
        """Take the lines away."""
        self._bars.stop()

    def show(self, run: Run, stage: str) -> None:
        """Move the lines to where the run is."""
        share = standing.share(run)
        self._bars.update(
            self._stage,
            description=stage,
            completed=share or 0.0,
            total=None if share is None else 1.0,
            facts=say.clean(", ".join(standing.told(run, datetime.now(UTC)))),
        )
        chains = standing.chains(run)
        while len(self._chains) < len(chains):
            self._chains.append(self._bars.add_task("", facts=""))
        for task, chain in zip(self._chains, chains, strict=False):
            self._bars.update(
                task,
                description=f"Chain {chain.number}",
                completed=chain.done,
                total=chain.total,
                facts=f"{chain.done:,} of {chain.total:,}",
            )
        for index, task in enumerate(self._chains):
            self._bars.update(task, visible=index < len(chains))
