"""What came of a staged run as tables: JSON, CSV or Parquet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from pymc_vibes.http import downloads, pending
from pymc_vibes.http.deps import RunId, ServiceDep
from pymc_vibes.http.mix_bodies import (
    ContributionLine,
    ContributionList,
    FittedLine,
    FittedList,
    MixDiagnostics,
    ParameterLine,
    PosteriorSummary,
)
from pymc_vibes.http.tabular import MEDIA_TYPES, table_response
from pymc_vibes.kinds.marketing_mix import outputs
from pymc_vibes.kinds.marketing_mix.asking import trusted
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.outputs import MASS, NOTES, Decomposition
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.service import Analysis, Service
from pymc_vibes.service.staged import UNTRAINED, Stage, StagedRun, StagedRuns, require

if TYPE_CHECKING:
    import pyarrow as pa

type Form = Literal["json", "csv", "parquet"]
_DRAWN = frozenset(Stage) - UNTRAINED - {Stage.ERROR}

Format = Annotated[Form, Query(alias="format", description="json, csv or parquet.")]
Level = Annotated[
    float, Query(ge=0.5, le=0.999, description="Mass of the shortest intervals that are given.")
]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run whose posterior is there."""

    staged: StagedRun
    analysis: Analysis
    config: MarketingMixConfig

    @property
    def reading(self) -> Reading:
        """Read what channels did, or raise `NotTrusted` where the fit cannot be trusted."""
        return trusted(self.analysis.posterior, self.config)

    def posterior_summary(self) -> "pa.Table":
        """Give a line for every parameter."""
        return outputs.posterior_table(self.analysis.posterior)

    def diagnostics(self) -> "pa.Table":
        """Say of every parameter whether its chains agree."""
        return self.posterior_summary().select(["parameter", "r_hat", "ess_bulk", "ess_tail"])

    def contributions(self, decomposition: Decomposition, level: float) -> "pa.Table":
        """Give what each channel brought in each period."""
        return outputs.contributions_table(self.reading, decomposition, level)

    def fitted(self, level: float) -> "pa.Table":
        """Give sales beside what was expected."""
        return outputs.fitted_table(self.reading, level)


def trained(service: Service, run_id: str) -> Trained:
    """Give a run with its posterior; raise `Pending` while it is drawn."""
    staged = StagedRuns(service).show(run_id)
    require(staged, _DRAWN, "be read from it")
    found = service.rebuilt(run_id)
    assert isinstance(found.config, MarketingMixConfig)  # noqa: S101  # stages are of this kind
    return Trained(staged=staged, analysis=found, config=found.config)


def show_posterior_summary(service: ServiceDep, run_id: RunId, form: Format = "json") -> Any:
    """Give mean, 94 % interval and checks of every parameter."""
    table = trained(service, run_id).posterior_summary()
    return _answer(table, form, f"{run_id}-posterior-summary", lambda: summary_of(run_id, table))


def show_diagnostics(service: ServiceDep, run_id: RunId, form: Format = "json") -> Any:
    """Say whether the posterior can be trusted; as a table, parameter by parameter."""
    found = trained(service, run_id)
    table = found.diagnostics()
    return _answer(table, form, f"{run_id}-diagnostics", lambda: diagnosis_of(found, table))


def show_contributions(
    service: ServiceDep,
    run_id: RunId,
    decomposition: Annotated[
        Decomposition,
        Query(description="counterfactual: what would be lost; additive: parts that add up."),
    ] = "counterfactual",
    level: Level = MASS,
    form: Format = "json",
) -> Any:
    """Give what each channel brought in each period, in one of two forms that are never mixed."""
    found = trained(service, run_id)
    table = found.contributions(decomposition, level)
    return _answer(
        table,
        form,
        f"{run_id}-contributions-{decomposition}",
        lambda: contributions_of(found, table, decomposition, level),
    )


def show_fitted(
    service: ServiceDep, run_id: RunId, level: Level = MASS, form: Format = "json"
) -> Any:
    """Give sales of each period beside what was expected, and where single periods may lie."""
    table = trained(service, run_id).fitted(level)
    return _answer(table, form, f"{run_id}-fitted", lambda: fitted_of(run_id, table, level))


def summary_of(run_id: str, table: "pa.Table") -> PosteriorSummary:
    """Give the summary of the posterior as JSON has it."""
    lines = [ParameterLine.model_validate(row) for row in table.to_pylist()]
    return PosteriorSummary(run_id=run_id, parameters=lines)


def diagnosis_of(found: Trained, table: "pa.Table") -> MixDiagnostics:
    """Give the diagnostics as JSON has them."""
    told = found.analysis.answer.diagnostics
    return MixDiagnostics.model_validate(
        {
            "run_id": found.staged.id,
            **{name: getattr(told, name) for name in _JUDGED},
            "parameters": table.to_pylist(),
            "chains": outputs.chain_facts(found.analysis.posterior),
            "sampler": told,
        }
    )


def contributions_of(
    found: Trained, table: "pa.Table", decomposition: Decomposition, level: float
) -> ContributionList:
    """Give contributions as JSON has them."""
    return ContributionList(
        run_id=found.staged.id,
        decomposition=decomposition,
        adds_up=decomposition == "additive" or found.config.link == "identity",
        note=NOTES[decomposition],
        level=level,
        contributions=[ContributionLine.model_validate(row) for row in table.to_pylist()],
    )


def fitted_of(run_id: str, table: "pa.Table", level: float) -> FittedList:
    """Give fitted sales as JSON has them."""
    lines = [FittedLine.model_validate(row) for row in table.to_pylist()]
    return FittedList(run_id=run_id, level=level, fitted=lines)


def as_json(body: BaseModel) -> bytes:
    """Write a body under the names that are agreed upon."""
    return body.model_dump_json(by_alias=True).encode()


def _answer(table: "pa.Table", form: Form, name: str, body: Callable[[], BaseModel]) -> Response:
    if form == "json":
        return Response(as_json(body()), media_type=MEDIA_TYPES["json"])
    return table_response(table, form, name)


_JUDGED = ("verdict", "r_hat_max", "ess_bulk_min", "ess_tail_min", "divergences", "ebfmi_min",
           "reasons")  # fmt: skip


def build() -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/runs/{run_id}", tags=["marketing mix"])
    media = (MEDIA_TYPES[form] for form in ("csv", "parquet"))
    tables = pending.documented() | downloads.documented(*media)
    for path, summary, model, show in (
        ("posterior_summary", "Summarize the posterior", PosteriorSummary, show_posterior_summary),
        ("diagnostics", "Diagnose the chains", MixDiagnostics, show_diagnostics),
        ("contributions", "Give what channels brought", ContributionList, show_contributions),
        ("fitted", "Give sales as they were fitted", FittedList, show_fitted),
    ):
        router.get(f"/{path}", summary=summary, response_model=model, responses=tables)(show)
    return router
