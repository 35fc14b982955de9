"""From a question to a recorded answer, in one direction.

    experiment, settings ──► resolved config ──► cells ──► posterior ──► summary, figures ──► run

Settings that name runs of other kinds are resolved to what those measured, first of all.
A warm question is found by the version of the data and the settings, before any event is read; a
cold one by the content of its cells, before anything is fitted. What needs a sampler is not fitted
in the request: it becomes a run that waits, `Pending` says so, and asking again once it is over
finds the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, Finding, Provenance
from pymc_vibes.core.config import Config, parse
from pymc_vibes.core.errors import NoAnswer, NotFound, RunNotFound, VibesError, from_problem
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import Pending, Run, RunState, SamplingNeeded
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import keys
from pymc_vibes.service.background import Background
from pymc_vibes.service.compute import Analysis, Work, as_problem, compute, is_sampled
from pymc_vibes.service.flights import Flights, Memory
from pymc_vibes.service.lifts import informed
from pymc_vibes.service.watches import Refuses
from pymc_vibes.service.workplace import Workplace, ended
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.lake import Lake
    from pymc_vibes.store.queue import Queue

REMEMBERED = 128  # analyses held in memory; each holds its cells and posterior parameters
MOST_DRAWS = 512 * 2**20  # bytes of draws among them


@dataclass(frozen=True, kw_only=True)
class _Question:
    experiment: Experiment
    kind: Kind[Any]
    asked: Mapping[str, Any]
    config: Config
    snapshot: int | None
    priority: int

    @property
    def name(self) -> str:
        return keys.digest(
            {
                "data": self.experiment.version if self.snapshot is None else None,
                "snapshot": self.snapshot,
                "kind_version": self.kind.version,
                "config": self.config.model_dump(mode="json"),
                "versions": dict(keys.versions()),
            }
        )


class Analyses:
    """Asks kinds for answers and keeps them."""

    def __init__(
        self,
        lake: "Lake",
        queue: "Queue",
        artifacts: "Artifacts",
        settings: Settings,
        *,
        works: bool,
    ) -> None:
        self._lake = lake
        self._queue = queue
        self._artifacts = artifacts
        self._memory: Memory[Analysis | VibesError] = Memory(
            REMEMBERED, weigh=_weight, most=MOST_DRAWS
        )
        self._flights: Flights[Analysis] = Flights()
        workplace = Workplace(queue, artifacts, settings, self._memory.put)
        self.background = Background(queue, workplace, most=settings.max_waiting_runs, works=works)

    def analyze(
        self,
        experiment: Experiment,
        overrides: Mapping[str, Any],
        *,
        snapshot: int | None = None,
        priority: int = 0,
    ) -> Analysis:
        """Answer the experiment's question under its settings, from memory where it is known.

        What must be sampled waits before runs of a lower priority.
        """
        question = _asked(experiment, overrides, snapshot, priority)
        held = f"{experiment.id}/{question.name}"
        known = self._memory.get(held)
        if isinstance(known, VibesError):
            raise known.with_traceback(None)
        # another process may have cleared what is remembered here
        if (
            known is not None
            and self._queue.remembered.recall(experiment.id, question.name) is not None
        ):
            return _as_cached(known)
        return self._flights.share(held, lambda: self._find_or_fit(question, held))

    def begin(
        self,
        run_id: str,
        experiment: Experiment,
        overrides: Mapping[str, Any],
        *,
        snapshot: int | None = None,
    ) -> Run:
        """Let a run of that id answer the question in its turn, also where the answer is known.

        Begun again it is the same run.
        """
        question = _asked(experiment, overrides, snapshot, 0)
        config, cells, findings = self._reduce(question)
        provenance = _provenance(question, config, cells)
        self._artifacts.put_cells(provenance.cells_hash, cells)
        run = _new_run(question, provenance, run_id)
        work = Work(name=question.name, findings=findings, provenance=provenance)
        waiting = self.background.enqueue(run, experiment.id, work)
        if waiting.id == run_id:
            return waiting
        # another run is asked the same just now; this one stands for itself
        own = keys.digest({"key": provenance.key, "run": run_id})
        return self.background.enqueue(run.model_copy(update={"key": own}), experiment.id, work)

    def again(self, run: Run) -> Analysis:
        """Give the posterior of a finished run: its draws as kept, or fitted to its cells again.

        Raises `Pending` while the run is not over.
        """
        held = self._memory.get(run.id)
        if isinstance(held, Analysis):
            return held
        answer = self.answer_of(run)
        kind, made_by = find_kind(run.kind), answer.provenance.kind_version
        if made_by != kind.version:
            raise RunNotFound(
                f"Run {run.id} was made by version {made_by} of {run.kind}; this is version "
                f"{kind.version}, so its posterior cannot be rebuilt. Its answer stays.",
                hint=f"Make a new run: vibes analyze {run.experiment}",
            )
        config = parse(kind.config, answer.provenance.config)
        posterior = self._restored(kind, config, answer)
        analysis = Analysis(answer=answer, kind=kind, config=config, posterior=posterior)
        self._memory.put(run.id, analysis)
        return analysis

    def answer_of(self, run: Run) -> Answer:
        """Give the answer of a run.

        Raises `Pending` while it is not over, and `NoAnswer` where it ended without one.
        """
        run = self.background.follow(run)
        if run.answer is not None:
            return run.answer
        if not run.is_over:
            raise Pending(run)
        raise _without_answer(run)

    def forget(self, experiment: Experiment) -> int:
        """Forget the answers of one experiment."""
        self._memory.clear()
        return self._queue.remembered.forget(experiment.id)

    def _find_or_fit(self, question: _Question, held: str) -> Analysis:
        experiment = question.experiment
        known = self._recalled(experiment, question.name)
        if known is not None:
            self._memory.put(held, known)
            return known
        config, cells, findings = self._reduce(question)
        provenance = _provenance(question, config, cells)
        analysis = self._recalled(experiment, provenance.key)
        if analysis is None:
            self._join(experiment, provenance.key)
            self._artifacts.put_cells(provenance.cells_hash, cells)
            analysis = self._run(question, held, cells, findings, provenance)
        else:
            self._queue.remembered.remember(experiment.id, analysis.answer.run_id, question.name)
        self._memory.put(held, analysis)
        return analysis

    def _join(self, experiment: Experiment, key: str) -> None:
        """Raise `Pending` where a run of that key is under way, here or in another process."""
        waiting = self.background.under_way(experiment.id, key)
        if waiting is not None:
            raise Pending(waiting)

    def _recalled(self, experiment: Experiment, name: str) -> Analysis | None:
        """Give the answer remembered under that name, unless its cells were deleted.

        Raises the problem that it was, where the same question failed before.
        """
        run_id = self._queue.remembered.recall(experiment.id, name)
        if run_id is None:
            return None
        run = self._queue.run(run_id)
        if run.error is not None:
            raise from_problem(run.error)
        if run.answer is None or not self._artifacts.has(run.answer.provenance.cells_hash):
            return None
        if is_sampled(run.answer) and not self._artifacts.has_posterior(run.answer.provenance.key):
            return None
        return _as_cached(self.again(run))

    def _restored(self, kind: Kind[Any], config: Config, answer: Answer) -> Posterior:
        cells = self._artifacts.cells(answer.provenance.cells_hash)
        if is_sampled(answer):
            from pymc_vibes.stats.draws import from_tree

            return from_tree(self._artifacts.posterior(answer.provenance.key), cells)
        try:
            return kind.fit(cells, config, Refuses())
        except SamplingNeeded as needed:
            raise RunNotFound(
                f"The posterior of run {answer.run_id} can only be sampled anew. Its answer stays.",
                hint=f"Make a new run: vibes analyze {answer.experiment}",
            ) from needed

    def _reduce(self, question: _Question) -> "tuple[Config, pa.Table, tuple[Finding, ...]]":
        kind = question.kind
        config = informed(kind, question.config, find=self._stands, rebuild=self.again)
        opened = self._lake.reading(question.experiment, question.snapshot, kind.schema)
        with opened as view:
            if kind.resolve is not None:
                config = kind.resolve(config, view.extent)
            findings = kind.check(view.events, config) if kind.check is not None else ()
            cells = view.to_arrow(kind.reduce(view.events, view.roster, config))
        return config, keys.canonical(cells), findings

    def _stands(self, run_id: str) -> Run:
        """Give a run as it stands."""
        return self.background.follow(self._queue.run(run_id))

    def _run(
        self,
        question: _Question,
        held: str,
        cells: "pa.Table",
        findings: tuple[Finding, ...],
        provenance: Provenance,
    ) -> Analysis:
        run = _new_run(question, provenance, new_id())
        work = Work(
            name=question.name,
            findings=findings,
            provenance=provenance,
            priority=question.priority,
        )
        owner = question.experiment.id
        try:
            analysis = compute(run, work, cells, Refuses())
        except SamplingNeeded:
            raise Pending(self.background.enqueue(run, owner, work)) from None
        except Exception as error:
            problem = as_problem(error, provenance.seed)
            if not isinstance(problem, NotFound):  # a name that was mistyped is no run
                failed = ended(run, RunState.FAILED, error=problem.problem())
                self._queue.record(failed, experiment_id=owner)
            # asked again of the same data it fails again: say so without another failed run
            self._memory.put(held, problem)
            raise problem from error
        done = ended(run, RunState.SUCCEEDED, answer=analysis.answer)
        self._queue.record(done, experiment_id=owner, names=work.names())
        return analysis


def _asked(
    experiment: Experiment, overrides: Mapping[str, Any], snapshot: int | None, priority: int
) -> _Question:
    kind = find_kind(experiment.kind)
    asked = kind.config.merged(experiment.config, overrides)
    return _Question(
        experiment=experiment,
        kind=kind,
        asked=asked,
        config=parse(kind.config, asked),
        snapshot=snapshot,
        priority=priority,
    )


def _provenance(question: _Question, config: Config, cells: "pa.Table") -> Provenance:
    kind, settings = question.kind, config.model_dump(mode="json")
    content = keys.cells_hash(cells)
    return Provenance(
        kind=kind.slug,
        kind_version=kind.version,
        config=settings,
        cells_hash=content,
        snapshot=question.snapshot or question.experiment.snapshot,
        seed=config.seed,
        versions=keys.versions(),
        key=keys.answer_key(
            kind=kind.slug, kind_version=kind.version, config=settings, cells=content
        ),
    )


def _new_run(question: _Question, provenance: Provenance, run_id: str) -> Run:
    return Run(
        id=run_id,
        experiment=question.experiment.name,
        kind=question.kind.slug,
        state=RunState.RUNNING,
        created=datetime.now(UTC),
        config=provenance.config,
        key=provenance.key,
    )


def _without_answer(run: Run) -> NoAnswer:
    """Say why a run that is over has no answer, and how to come by one."""
    again = f"To ask again: vibes analyze {run.experiment}"
    if run.error is None:
        said = f"Run {run.id} was cancelled, so it has no answer."
    else:
        said = f"Run {run.id} failed, so it has no answer: {run.error.get('detail', '')}"
        mend = str(run.error.get("hint") or "")
        again = f"{mend} {again}".lstrip()
    return NoAnswer(said, hint=again, run=run.id, state=str(run.state))


def _weight(known: Analysis | VibesError) -> int:
    """Give the bytes of the draws that an analysis holds."""
    if isinstance(known, VibesError) or known.posterior.samples is None:
        return 0
    return known.posterior.samples.nbytes


def _as_cached(analysis: Analysis) -> Analysis:
    if analysis.answer.cached:
        return analysis
    return replace(analysis, answer=analysis.answer.model_copy(update={"cached": True}))


def new_id() -> str:
    """Make an id: a ULID in lower case, so that ids sort by time."""
    from ulid import ULID

    return str(ULID()).lower()
