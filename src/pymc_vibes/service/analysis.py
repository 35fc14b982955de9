"""From a question to a recorded answer, in one direction.

    experiment, settings ──► resolved config ──► cells ──► posterior ──► summary, figures ──► run

A warm question is found by the version of the data and the settings, before any event is read; a
cold one by the content of its cells, before anything is fitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, Finding, Provenance
from pymc_vibes.core.config import Config, parse
from pymc_vibes.core.errors import InferenceFailed, RunNotFound, VibesError
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY, Run, RunState
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import keys
from pymc_vibes.service.flights import Flights, Memory

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.lake import Lake
    from pymc_vibes.store.queue import Queue

REMEMBERED = 128  # analyses held in memory; each holds its cells and posterior parameters


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """An answer with the posterior it came from, ready for further questions."""

    answer: Answer
    kind: Kind[Any]
    config: Config
    posterior: Posterior


@dataclass(frozen=True, kw_only=True)
class _Question:
    experiment: Experiment
    kind: Kind[Any]
    asked: Mapping[str, Any]
    config: Config
    snapshot: int | None

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

    def __init__(self, lake: "Lake", queue: "Queue", artifacts: "Artifacts") -> None:
        self._lake = lake
        self._queue = queue
        self._artifacts = artifacts
        self._memory: Memory[Analysis | VibesError] = Memory(REMEMBERED)
        self._flights: Flights[Analysis] = Flights()

    def analyze(
        self, experiment: Experiment, overrides: Mapping[str, Any], *, snapshot: int | None = None
    ) -> Analysis:
        """Answer the experiment's question under its settings, from memory where it is known."""
        kind = find_kind(experiment.kind)
        asked = {**experiment.config, **overrides}
        question = _Question(
            experiment=experiment,
            kind=kind,
            asked=asked,
            config=parse(kind.config, asked),
            snapshot=snapshot,
        )
        held = f"{experiment.id}/{question.name}"
        known = self._memory.get(held)
        if isinstance(known, VibesError):
            raise known.with_traceback(None)
        # another process may have cleared what is remembered here
        if known is not None and self._queue.recall(experiment.id, question.name) is not None:
            return _as_cached(known)
        return self._flights.share(held, lambda: self._find_or_fit(question, held))

    def again(self, run: Run) -> Analysis:
        """Rebuild the posterior of a finished run from its recorded cells."""
        held = self._memory.get(run.id)
        if isinstance(held, Analysis):
            return held
        if run.answer is None:
            raise RunNotFound(f"Run {run.id} has no answer: it is {run.state}.")
        kind, made_by = find_kind(run.kind), run.answer.provenance.kind_version
        if made_by != kind.version:
            raise RunNotFound(
                f"Run {run.id} was made by version {made_by} of {run.kind}; this is version "
                f"{kind.version}, so its posterior cannot be rebuilt. Its answer stays.",
                hint=f"Make a new run: vibes analyze {run.experiment}",
            )
        config = parse(kind.config, run.answer.provenance.config)
        cells = self._artifacts.cells(run.answer.provenance.cells_hash)
        posterior = kind.fit(cells, config, NOBODY)
        analysis = Analysis(answer=run.answer, kind=kind, config=config, posterior=posterior)
        self._memory.put(run.id, analysis)
        return analysis

    def forget(self, experiment: Experiment) -> int:
        """Forget the answers of one experiment."""
        self._memory.clear()
        return self._queue.forget(experiment.id)

    def _find_or_fit(self, question: _Question, held: str) -> Analysis:
        experiment, kind = question.experiment, question.kind
        known = self._recalled(experiment, question.name)
        if known is not None:
            self._memory.put(held, known)
            return known
        config, cells, findings = self._reduce(question)
        content = keys.cells_hash(cells)
        key = keys.answer_key(
            kind=kind.slug,
            kind_version=kind.version,
            config=config.model_dump(mode="json"),
            cells=content,
        )
        analysis = self._recalled(experiment, key)
        if analysis is None:
            self._artifacts.put_cells(content, cells)
            provenance = Provenance(
                kind=kind.slug,
                kind_version=kind.version,
                config=config.model_dump(mode="json"),
                cells_hash=content,
                snapshot=question.snapshot or experiment.snapshot,
                seed=config.seed,
                versions=keys.versions(),
                key=key,
            )
            analysis = self._run(question, held, cells, findings, provenance)
        self._queue.remember(experiment.id, analysis.answer.run_id, key, question.name)
        self._memory.put(held, analysis)
        return analysis

    def _recalled(self, experiment: Experiment, name: str) -> Analysis | None:
        """Give the answer remembered under that name, unless its cells were deleted."""
        run_id = self._queue.recall(experiment.id, name)
        if run_id is None:
            return None
        run = self._queue.run(run_id)
        if run.answer is None or not self._artifacts.has(run.answer.provenance.cells_hash):
            return None
        return _as_cached(self.again(run))

    def _reduce(self, question: _Question) -> "tuple[Config, pa.Table, tuple[Finding, ...]]":
        kind = question.kind
        opened = self._lake.reading(question.experiment, question.snapshot, kind.schema)
        with opened as view:
            config = question.config
            if kind.resolve is not None:
                config = kind.resolve(config, view.extent)
            findings = kind.check(view.events, config) if kind.check is not None else ()
            cells = view.to_arrow(kind.reduce(view.events, view.roster, config))
        return config, keys.canonical(cells), findings

    def _run(
        self,
        question: _Question,
        held: str,
        cells: "pa.Table",
        findings: tuple[Finding, ...],
        provenance: Provenance,
    ) -> Analysis:
        config = parse(question.kind.config, provenance.config)
        run = Run(
            id=new_id(),
            experiment=question.experiment.name,
            kind=question.kind.slug,
            state=RunState.RUNNING,
            created=datetime.now(UTC),
            config=config.model_dump(mode="json"),
            key=provenance.key,
        )
        self._queue.record(run, experiment_id=question.experiment.id)
        try:
            analysis = _compute(question.kind, config, cells, findings, provenance, run)
        except Exception as error:
            problem = _as_problem(error, config.seed)
            ended = {"state": RunState.FAILED, "finished": datetime.now(UTC)}
            self._queue.finish(run.model_copy(update=ended | {"error": problem.problem()}))
            # asked again of the same data it fails again: say so without another failed run
            self._memory.put(held, problem)
            raise problem from error
        ended = {"state": RunState.SUCCEEDED, "finished": datetime.now(UTC)}
        self._queue.finish(run.model_copy(update=ended | {"answer": analysis.answer}))
        return analysis


def _compute(
    kind: Kind[Any],
    config: Config,
    cells: "pa.Table",
    findings: tuple[Finding, ...],
    provenance: Provenance,
    run: Run,
) -> Analysis:
    posterior = kind.fit(cells, config, NOBODY)
    summary = kind.summarize(posterior, config)
    if findings:
        summary = summary.model_copy(update={"findings": (*findings, *summary.findings)})
    answer = Answer(
        run_id=run.id,
        experiment=run.experiment,
        kind=kind.slug,
        created=run.created,
        summary=summary,
        figures=kind.figures(posterior, config),
        diagnostics=posterior.diagnostics,
        provenance=provenance,
    )
    return Analysis(answer=answer, kind=kind, config=config, posterior=posterior)


def _as_problem(error: Exception, seed: int) -> VibesError:
    if isinstance(error, VibesError):
        return error
    return InferenceFailed(
        f"The fit broke: {type(error).__name__}: {error}",
        hint="This is a fault of ours; the seed and the recorded cells reproduce it.",
        seed=seed,
    )


def _as_cached(analysis: Analysis) -> Analysis:
    if analysis.answer.cached:
        return analysis
    return Analysis(
        answer=analysis.answer.model_copy(update={"cached": True}),
        kind=analysis.kind,
        config=analysis.config,
        posterior=analysis.posterior,
    )


def new_id() -> str:
    """Make an id: a ULID in lower case, so that ids sort by time."""
    from ulid import ULID

    return str(ULID()).lower()
