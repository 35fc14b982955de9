"""The use cases, composed once; every surface calls these and adds nothing statistical."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pymc_vibes.core.answer import Answer, QueryAnswer
from pymc_vibes.core.config import Parameters, parse
from pymc_vibes.core.errors import (
    BadConfig,
    FigureNotFound,
    QueryNotFound,
    RunCancelled,
    SnapshotNotFound,
    from_problem,
)
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.kind import ConfigQuery, JournalQuery, PosteriorQuery
from pymc_vibes.core.run import TRANSITIONS, Pending, Run, RunState
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import journals
from pymc_vibes.service.analysis import Analyses, new_id
from pymc_vibes.service.compute import Analysis, prepare
from pymc_vibes.service.experiments import Experiments
from pymc_vibes.service.places import place_of
from pymc_vibes.service.reproduce import Reproduction, Reproductions
from pymc_vibes.service.standing import Place
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.lake import Lake
    from pymc_vibes.store.queue import Queue

LOOK_SECONDS = 0.2  # between two looks at a run that another process works on


class Service(Experiments):
    """Experiments, answers and runs over one lake and one run table.

    An answer that must be sampled is waited for; `without_waiting` raises `Pending` instead.
    """

    def __init__(
        self,
        lake: "Lake",
        queue: "Queue",
        artifacts: "Artifacts",
        settings: Settings,
        *,
        works: bool = True,
    ) -> None:
        super().__init__(lake)
        self.queue = queue
        self.settings = settings
        self._waits = True
        self._works = works
        self._analyses = Analyses(lake, queue, artifacts, settings, works=works)
        self._background = self._analyses.background
        self._reproductions = Reproductions(lake, queue, artifacts, self._background)

    @classmethod
    def open(cls, settings: Settings, *, works: bool = True) -> Self:
        """Open everything under the settings; `works` where no worker runs beside this process."""
        from pymc_vibes.store.artifacts import Artifacts
        from pymc_vibes.store.lake import Lake
        from pymc_vibes.store.queue import Queue

        prepare(settings)
        lake = Lake.open(settings)
        stores = Queue.open(settings), Artifacts.open(settings)
        return cls(lake, *stores, settings, works=works)

    def close(self) -> None:
        """Give back the runs that are worked on here, and close what is open."""
        self._background.close()
        self.lake.close()
        self.queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()

    def without_waiting(self) -> Self:
        """Give the same service for those who do not wait: what must be sampled is `Pending`."""
        hasty = copy.copy(self)
        hasty._waits = False  # noqa: SLF001  # a copy of this one
        return hasty

    def with_waiting(self) -> Self:
        """Give the same service for those who wait until what must be sampled is there."""
        patient = copy.copy(self)
        patient._waits = True  # noqa: SLF001  # a copy of this one
        return patient

    # experiments

    def delete(self, name: str) -> None:
        """Delete the experiment, its events and remembered answers; its runs stay as history."""
        experiment = self.experiment(name)
        self._background.cancel_all(experiment.id)
        self._analyses.forget(experiment)
        self.lake.delete(experiment.name)

    # answers

    def analyze(
        self,
        name: str,
        overrides: Mapping[str, Any] | None = None,
        *,
        snapshot: int | None = None,
        priority: int = 0,
    ) -> Answer:
        """Answer the experiment's question; `overrides` are settings for this question only."""
        return self.analysis(name, overrides, snapshot=snapshot, priority=priority).answer

    def analysis(
        self,
        name: str,
        overrides: Mapping[str, Any] | None = None,
        *,
        snapshot: int | None = None,
        priority: int = 0,
    ) -> Analysis:
        """Answer the experiment's question and keep the posterior at hand."""
        if snapshot is not None and snapshot < 0:
            raise SnapshotNotFound(
                f"The lake has no snapshot {snapshot}.", hint="`vibes db snapshots` lists them."
            )
        asked = datetime.now(UTC)
        found = self._awaited(
            lambda: self._analyses.analyze(
                self.experiment(name), overrides or {}, snapshot=snapshot, priority=priority
            )
        )
        if found.answer.cached and found.answer.created >= asked:
            # it was made for this question, however it came back
            return replace(found, answer=found.answer.model_copy(update={"cached": False}))
        return found

    def ask(
        self,
        name: str,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> QueryAnswer:
        """Put a further question to the experiment's current answer; a journal gains an entry."""
        experiment = self.experiment(name)
        kind = find_kind(experiment.kind)
        found = kind.query(query)
        if isinstance(found, ConfigQuery):
            settings = kind.config.merged(experiment.config, overrides or {})
            return self.ask_kind(experiment.kind, query, settings, parameters or {})
        asked = parse(found.parameters, dict(parameters or {}))
        return self._answer(
            lambda: self.analysis(name, overrides), found, asked, owner=experiment.id
        )

    def ask_run(self, run_id: str, query: str, parameters: Mapping[str, Any]) -> QueryAnswer:
        """Put a further question to the posterior of a finished run."""
        analysis = self.rebuilt(run_id)
        found = analysis.kind.query(query)
        asked = parse(found.parameters, dict(parameters))
        if isinstance(found, ConfigQuery):
            return found.answer(analysis.config, asked)
        if isinstance(found, JournalQuery):
            raise _is_journal(found, analysis.answer.experiment)
        owner = self.queue.experiment_id(run_id)
        known = replace(analysis, answer=analysis.answer.model_copy(update={"cached": True}))
        return self._answer(lambda: known, found, asked, owner=owner)

    def ask_kind(
        self, kind: str, query: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> QueryAnswer:
        """Ask a question that needs no data."""
        found = find_kind(kind)
        question = found.query(query)
        if not isinstance(question, ConfigQuery):
            raise QueryNotFound(
                f"{query!r} needs data: ask it of an experiment.",
                hint=f"POST /api/v1/experiments/NAME/{query}",
            )
        settings = parse(found.config, dict(config))
        return question.answer(settings, parse(question.parameters, dict(parameters)))

    def entries(self, name: str, query: str) -> tuple[QueryAnswer, ...]:
        """Give what was kept of a journal, oldest first, and add nothing to it."""
        experiment = self.experiment(name)
        found = find_kind(experiment.kind).query(query)
        if not isinstance(found, JournalQuery):
            raise QueryNotFound(
                f"{query!r} keeps no journal.", hint="Ask it instead, and it answers."
            )
        return journals.entries(self.queue.journals, journals.scope_of(experiment.id, found))

    # runs

    def run(self, run_id: str) -> Run:
        """Give a run as it stands."""
        return self._background.follow(self.queue.run(run_id))

    def begin(
        self,
        run_id: str,
        name: str,
        overrides: Mapping[str, Any] | None = None,
        *,
        snapshot: int | None = None,
    ) -> Run:
        """Let a run of that id answer the experiment's question; give it as it stands."""
        experiment = self.experiment(name)
        return self._analyses.begin(run_id, experiment, overrides or {}, snapshot=snapshot)

    def cancel(self, run_id: str) -> Run:
        """Stop a run that waits or runs; give it as it stands, which may be still stopping.

        Raises `RunCancelled` or `IllegalTransition` where it is over.
        """
        return self._background.cancel(run_id)

    def depth(self) -> Mapping[RunState, int]:
        """Count the runs that wait and those that run."""
        return self.queue.depth()

    def outcomes(self) -> Mapping[tuple[str, str, str, str], int]:
        """Count the runs that are over by state, kind, method and verdict."""
        return self.queue.outcomes([state for state in RunState if not TRANSITIONS[state]])

    def answer(self, run_id: str) -> Answer:
        """Give the answer of a run, or raise `NoAnswer` where it ended without one."""
        return self._awaited(lambda: self._analyses.answer_of(self.run(run_id)))

    def place(self, run: Run) -> Place:
        """Say where an unfinished run stands among the others, and whether somebody works on it."""
        lease = self.settings.lease_seconds
        return place_of(run, self.queue, lease=lease, works=self._works)

    def runs(
        self,
        name: str | None = None,
        *,
        state: RunState | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[Run, ...]:
        """List runs, newest first, of one experiment or of all, in one state or in any."""
        owner = None if name is None else self.experiment(name).id
        return self.queue.runs(owner, state=state, limit=limit, before=before)

    def history(
        self,
        name: str | None = None,
        *,
        state: RunState | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[Run, ...]:
        """List runs as `runs` does, each with the gist of its answer in place of the answer."""
        owner = None if name is None else self.experiment(name).id
        return self.queue.history(owner, state=state, limit=limit, before=before)

    def answered(
        self, name: str, setting: str, value: str, *, limit: int = 50, before: str | None = None
    ) -> tuple[Run, ...]:
        """List the runs with an answer that were told this of a setting, newest first."""
        owner = self.experiment(name).id
        return self.queue.answered(owner, setting, value, limit=limit, before=before)

    def ledger_id(self, run_id: str) -> str | None:
        """Give the id under which the ledger holds a run; None while it does not."""
        return self.queue.ledger_id(run_id)

    def latest(self) -> Mapping[str, Run]:
        """Map experiment id to its newest finished run."""
        return self.queue.latest()

    def rebuilt(self, run_id: str) -> Analysis:
        """Give a finished run with its posterior, from its draws or its recorded cells."""
        return self._awaited(lambda: self._analyses.again(self.run(run_id)))

    def figure(self, run_id: str, name: str) -> Figure:
        """Give one figure of a run."""
        figures = {figure.name: figure for figure in self.answer(run_id).figures}
        if name not in figures:
            raise FigureNotFound(
                f"Run {run_id} has no figure {name[:40]!r}.", hint=f"It has: {', '.join(figures)}."
            )
        return figures[name]

    def draws(
        self, run_id: str, variable: str, labels: Iterable[str] | None, n: int, seed: int
    ) -> "dict[str, np.ndarray]":
        """Draw from a run's posterior: arrays `(n, labels)` by variable name."""
        posterior = self.rebuilt(run_id).posterior
        known = [v.name for v in posterior.variables]
        if variable not in known:
            raise BadConfig(f"There is no variable {variable[:40]!r}; there is {', '.join(known)}.")
        wanted = posterior[variable].labels if labels is None else tuple(labels)
        return posterior.draw(n, seed, {variable: wanted})

    def reproduce(self, run_id: str, *, by: str | None = None) -> Reproduction:
        """Compute a run's answer again from what was recorded of it, and say what differs.

        What was sampled takes a run of its own; `by` names it, where it was begun before.
        """
        run, recorded = self.run(run_id), self.answer(run_id)
        if by is None:
            try:
                return self._reproductions.reproduce(run, recorded)
            except Pending as pending:
                if not self._waits:
                    raise
                by = pending.run.id
        again = self.answer(by)
        return self._reproductions.judge(run, recorded, self.run(by), again)

    def clear_cache(self, name: str) -> int:
        """Forget the remembered answers of exactly this experiment; gives how many there were."""
        return self._analyses.forget(self.experiment(name))

    def _answer(
        self,
        analysis: Callable[[], Analysis],
        query: PosteriorQuery[Any, Any] | JournalQuery[Any, Any],
        asked: Parameters,
        *,
        owner: str,
    ) -> QueryAnswer:
        """Answer from the analysis; a unit's first answer is kept for its experiment."""
        if isinstance(query, JournalQuery):
            scope = journals.scope_of(owner, query)
            return journals.next_entry(self.queue.journals, scope, query, analysis(), asked)
        unit = getattr(asked, query.sticky_by) if query.sticky_by else None
        scope = f"{owner}/{query.slug}"
        if unit is not None and (kept := self.queue.remembered.kept(scope, str(unit))) is not None:
            return QueryAnswer.model_validate(kept)
        if query.fresh is not None and unit is None and getattr(asked, query.fresh) is None:
            asked = asked.model_copy(update={query.fresh: new_id()})
        found = analysis()
        answer = query.answer(found.posterior, found.config, asked)
        answer = answer.model_copy(update={"origin": found.answer.origin})
        if unit is None:
            return answer
        kept = self.queue.remembered.keep_first(scope, str(unit), answer.model_dump(mode="json"))
        return QueryAnswer.model_validate(kept)

    def _awaited[T](self, ask: Callable[[], T]) -> T:
        """Ask until the answer is there; raise what stood in its way."""
        while True:
            try:
                return ask()
            except Pending as pending:
                if not self._waits:
                    raise
                run = pending.run
            while not run.is_over:
                run = self._background.wait(run, LOOK_SECONDS)
            if run.state is RunState.CANCELLED:
                raise RunCancelled(f"Run {run.id} was cancelled.", hint="Ask again to start anew.")
            if run.error is not None:
                raise from_problem(run.error)


def _is_journal(query: JournalQuery[Any, Any], experiment: str) -> QueryNotFound:
    return QueryNotFound(
        f"{query.title} is a journal of the experiment, not of one run.",
        hint=f"POST /api/v1/experiments/{experiment}/{query.slug}",
    )
