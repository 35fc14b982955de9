"""One computation, wherever it happens: what it needs, what it gives, and how it can fail."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, Finding, Provenance
from pymc_vibes.core.config import Config, parse
from pymc_vibes.core.errors import InferenceFailed, VibesError
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.records import Record
from pymc_vibes.core.run import Run, Watch
from pymc_vibes.kinds import find_kind
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

WRITING = "writing the answer"
"""The last stage of a run: its posterior is there."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """An answer with the posterior it came from, ready for further questions."""

    answer: Answer
    kind: Kind[Any]
    config: Config
    posterior: Posterior


class Work(Record):
    """What a fit needs beside its cells; a run that waits carries it."""

    name: str
    """The digest of the question that was asked first."""
    findings: tuple[Finding, ...]
    """What was odd about the events, before they were reduced."""
    provenance: Provenance
    is_remembered: bool = True
    """Whether the same question finds this answer later."""
    priority: int = 0
    """Of two that wait, the one with the higher one is begun first."""

    def names(self, *, failed: bool = False) -> tuple[str, ...]:
        """Give the names under which what came of it is found again."""
        if not self.is_remembered:
            return ()
        return (self.name,) if failed else (self.provenance.key, self.name)


def compute(run: Run, work: Work, cells: "pa.Table", watch: Watch) -> Analysis:
    """Fit, summarize and draw."""
    kind = find_kind(run.kind)
    config = parse(kind.config, work.provenance.config)
    posterior = kind.fit(cells, config, watch)
    watch.stage(WRITING)
    summary = kind.summarize(posterior, config)
    if work.findings:
        findings = (*work.findings, *summary.findings)
        summary = summary.model_copy(update={"findings": findings})
    answer = Answer(
        run_id=run.id,
        experiment=run.experiment,
        kind=kind.slug,
        created=run.created,
        summary=summary,
        figures=kind.figures(posterior, config),
        diagnostics=posterior.diagnostics,
        provenance=work.provenance,
    )
    return Analysis(answer=answer, kind=kind, config=config, posterior=posterior)


def is_sampled(answer: Answer) -> bool:
    """Whether its posterior consists of draws, which must be kept."""
    return answer.diagnostics.method == "nuts"


def as_problem(error: Exception, seed: int) -> VibesError:
    """Give the problem that a broken fit is."""
    if isinstance(error, VibesError):
        return error
    return InferenceFailed(
        f"The fit broke: {type(error).__name__}: {error}",
        hint="This is a fault of ours; the seed and the recorded cells reproduce it.",
        seed=seed,
    )


def prepare(settings: Settings) -> None:
    """Make the home, and set the sampler up."""
    settings.home.mkdir(parents=True, exist_ok=True)
    configure_sampler(settings)


def configure_sampler(settings: Settings) -> None:
    """Tell the sampler where to keep models and how many processes it has."""
    from pymc_vibes.stats import nuts

    nuts.configure(
        cache=settings.sampler_cache,
        children=settings.sampler_children,
        idle_seconds=settings.sampler_idle_seconds,
    )
