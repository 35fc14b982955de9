"""The change of one person's days, at its fixed address, and what was said of it before.

Thin adapters over the same service, for experiments of kind `interrupted-time-series`. A request
with `engine=nuts` waits for its answer, unless `Prefer: respond-async` asks for a run to follow.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from pymc_vibes.core.answer import Diagnostics, Finding, Summary, Verdict
from pymc_vibes.core.errors import BadConfig, ExperimentNotFound
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.instant import Instant, show
from pymc_vibes.core.run import Run
from pymc_vibes.http.api.shared import analyze
from pymc_vibes.http.deps import RUNS, MetricsDep, ServiceDep
from pymc_vibes.http.limits import DOWNLOAD
from pymc_vibes.http.paging import After, Limit, next_page
from pymc_vibes.http.security import NAME_BOUND, given_name
from pymc_vibes.kinds.interrupted_series.config import SCHEMA, InterruptedConfig
from pymc_vibes.kinds.interrupted_series.reading import Reading
from pymc_vibes.service import Analysis, Service

KIND = "interrupted-time-series"
DEFAULT = "behavioral_events"
MOST_DRAWS = 50_000
_OUTCOME = "outcome"
_EXAMPLE = {
    "user_id": "ana",
    "intervention_date": "2025-02-17T00:00:00Z",
    "outcome_metric": "session_performance_score",
}

type Effect = Literal["immediate", "sustained", "average"]
_EFFECTS: Mapping[Effect, str] = {
    "immediate": "immediate_effect",
    "sustained": "sustained_effect",
    "average": "counterfactual_effect",
}

Experiment = Annotated[str, Query(max_length=200, description=f"An experiment of kind {KIND}.")]
Samples = Annotated[int, Field(ge=500, le=10_000)]
Chains = Annotated[int, Field(ge=2, le=8)]
Phase = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Question(BaseModel):
    """Whose days, when they changed, and how to look at them."""

    model_config = {"extra": "forbid"}

    user_id: str = Field(min_length=1, max_length=500)
    intervention_date: Instant = Field(description="First day after the change, UTC.")
    outcome_metric: str = Field(
        _OUTCOME, min_length=1, max_length=100,
        description="The column of the outcome, by any spelling; also one that the kind does not "
        "declare.",
    )  # fmt: skip
    include_day_of_week: bool = True
    include_time_of_day: bool = Field(
        default=True, description="Let the quarters of a day differ, where rows tell them apart."
    )
    window_days: int = Field(
        7, ge=1, le=365, description="The immediate effect is that of the first so many days, the "
        "sustained one that of the last.",
    )  # fmt: skip
    mcmc_samples: Samples = 2000
    mcmc_chains: Chains = 4
    start_date: Instant | None = Field(None, description="Rows before it are left out.")
    end_date: Instant | None = Field(None, description="Rows at it or later are left out.")
    phases: list[Phase] | None = Field(
        None, max_length=20, description="Only rows of these phases count; all by default."
    )
    engine: Literal["exact", "nuts", "segmented"] = Field(
        "exact",
        description="How effects are computed: exactly, by the No-U-Turn sampler, or by the days "
        "before alone with independent errors, for comparison.",
    )


class Measured(BaseModel):
    """One effect: how much, how sure."""

    mean: float
    sd: float
    hdi: list[float | None]
    eti: list[float | None]
    level: float
    p_positive: float


class Relative(BaseModel):
    """An effect as a share of the level that was to be expected."""

    median: float
    low: float
    high: float


class MeasuredNow(Measured):
    """One effect with its definition and, where the level is clearly not 0, relative to it."""

    relative: Relative | None
    unit: str
    definition: str


class Grid(BaseModel):
    """The quadrature behind an exact answer; of draws, how many there are."""

    nodes: int
    effective_nodes: float
    heaviest: float


class Checked(Diagnostics):
    """Whether the posterior can be trusted; of the exact engine, its grid in place of chains."""

    engine: Literal["exact", "nuts", "segmented"]
    grid: Grid


class Plots(BaseModel):
    """Four pictures, each a PNG of 150 dpi in base64."""

    observed_vs_counterfactual: str
    posterior_predictive_check: str
    effect_distribution: str
    mcmc_diagnostics: str


class Analyzed(BaseModel):
    """What the change did to one person's days."""

    verdict: Verdict
    headline: str
    decision: str
    user_id: str
    intervention_date: str
    outcome_metric: str
    immediate_effect: MeasuredNow
    sustained_effect: MeasuredNow
    counterfactual_effect: MeasuredNow
    probability_of_benefit: float
    better: Literal["higher", "lower"]
    mcmc_diagnostics: Checked
    warnings: list[Finding]
    plots: Plots
    mlflow_run_id: str | None
    run_id: str
    created: str
    cached: bool


class Past(BaseModel):
    """An analysis that was made before."""

    run_id: str
    created: str
    params: dict[str, Any]
    effects: dict[str, Measured]
    verdict: Verdict


class History(BaseModel):
    """A page of analyses of one person, newest first."""

    analyses: list[Past]
    next: str | None = None


def analyze_intervention(
    service: ServiceDep,
    metrics: MetricsDep,
    question: Annotated[Question, Body(openapi_examples={"week": {"value": _EXAMPLE}})],
    experiment: Experiment = DEFAULT,
    prefer: Annotated[str | None, Header(max_length=200)] = None,
) -> Analyzed:
    """Say what a change did to one person's days: at once, in the end, on average."""
    _check_known(service, experiment)
    _check_possible(question, datetime.now(UTC))
    is_waiting = "respond-async" not in (prefer or "").lower()
    patient = service.with_waiting() if is_waiting else service
    found = analyze(patient, metrics, experiment, _settings(question))
    return _analyzed(service, question, found)


def list_analyses(
    request: Request,
    response: Response,
    service: ServiceDep,
    user_id: Annotated[str, Path(json_schema_extra=NAME_BOUND, description="Whose days.")],
    experiment: Experiment = DEFAULT,
    limit: Limit = 50,
    before: After = None,
) -> History:
    """List the analyses of one person's days, newest first."""
    _check_known(service, experiment)
    whose = given_name(user_id)
    found = service.answered(experiment, "user_id", whose, limit=limit + 1, before=before)
    page = found[:limit]
    more = next_page(request, response, before=page[-1].id) if len(found) > limit else None
    return History(analyses=[past for run in page for past in _past(run)], next=more)


def _check_known(service: Service, name: str) -> None:
    try:
        service.experiment_of(name, KIND)
    except ExperimentNotFound as error:
        raise ExperimentNotFound(
            error.detail,
            hint=f"`vibes experiments create {DEFAULT} --type {KIND}` makes the one that is asked "
            "by default; then upload its events. Or name another one with ?experiment=NAME.",
        ) from error


def _check_possible(question: Question, now: datetime) -> None:
    if question.intervention_date > now:
        raise _refused(
            "intervention_date",
            f"The change is in the future: {show(question.intervention_date)}.",
            "It is the first day after the change, with days on both sides of it.",
        )


def _refused(field: str, detail: str, hint: str) -> BadConfig:
    return BadConfig(detail, hint=hint, fields=[{"field": field, "reason": detail}])


def _settings(question: Question) -> dict[str, Any]:
    return {
        "user_id": question.user_id,
        "intervention_date": question.intervention_date,
        "outcome_column": SCHEMA.resolve(question.outcome_metric) or question.outcome_metric,
        "include_day_of_week": question.include_day_of_week,
        "include_time_of_day": question.include_time_of_day,
        "window_days": question.window_days,
        "phases": question.phases,
        "engine": question.engine,
        "chains": question.mcmc_chains,
        "start": question.start_date,
        "end": question.end_date,
        "draws": min(question.mcmc_samples * question.mcmc_chains, MOST_DRAWS),
    }


def _analyzed(service: Service, question: Question, found: Analysis) -> Analyzed:
    answer, summary = found.answer, found.answer.summary
    config = found.config
    assert isinstance(config, InterruptedConfig)  # noqa: S101  # of the kind that was asked for
    reading = Reading(posterior=found.posterior, config=config)
    effects = _measured(summary)
    now = {
        field: MeasuredNow(
            **effects[field].model_dump(),
            relative=_relative(reading, name),
            unit=reading.config.outcome_unit,
            definition=str(summary.context[name]),
        )
        for name, field in _EFFECTS.items()
    }
    return Analyzed(
        verdict=answer.diagnostics.verdict,
        headline=summary.headline,
        decision=summary.decision.action if summary.decision else "",
        user_id=question.user_id,
        intervention_date=reading.date.isoformat(),
        outcome_metric=reading.config.outcome_column,
        **now,
        probability_of_benefit=reading.p_benefit,
        better=reading.config.direction,
        mcmc_diagnostics=_checked(answer.diagnostics, reading),
        warnings=[*summary.findings, *_notes(question, reading)],
        plots=_plots(answer.figures),
        mlflow_run_id=service.ledger_id(answer.run_id),
        run_id=answer.run_id,
        created=answer.created.isoformat(),
        cached=answer.cached,
    )


def _measured(summary: Summary) -> dict[str, Measured]:
    """Read the effects of an answer, by the names that they have here."""
    (table,) = (table for table in summary.tables if table.name == "effects")
    column = table.columns.index("chance_above_0")
    chances = {row[0]: row[column] for row in table.rows}
    found = {estimate.name: estimate for estimate in summary.estimates}
    return {
        field: Measured.model_validate(
            {
                "mean": found[name].mean,
                "sd": found[name].sd,
                "level": found[name].intervals[0].prob,
                "p_positive": chances[name],
                **{ends.kind: [ends.low, ends.high] for ends in found[name].intervals},
            }
        )
        for name, field in _EFFECTS.items()
    }


def _relative(reading: Reading, effect: Effect) -> Relative | None:
    config = reading.config
    found = reading.fit.relative(config.level, effect, config.window_days)
    if found is None:
        return None
    median, low, high = found
    return Relative(median=median, low=low, high=high)


def _checked(diagnostics: Diagnostics, reading: Reading) -> Checked:
    regression = reading.fit.regression
    grid = Grid(
        nodes=len(regression.weights),
        effective_nodes=reading.fit.effective_nodes,
        heaviest=float(regression.weights.max()),
    )
    return Checked(**diagnostics.model_dump(), engine=reading.config.engine, grid=grid)


def _notes(question: Question, reading: Reading) -> Iterator[Finding]:
    if question.include_time_of_day and reading.fit.model.parts == 1:
        yield Finding(
            code="time-of-day", severity="note",
            text="include_time_of_day had no effect: all rows are of one quarter of the day.",
        )  # fmt: skip
    if question.engine != "nuts":
        yield Finding(
            code="draws", severity="note",
            text="Effects are exact numbers, not averages of draws: mcmc_samples and mcmc_chains "
            f"change none. Their product (at most {MOST_DRAWS:,}) is kept with the run as `draws`.",
        )  # fmt: skip


def _plots(figures: tuple[Figure, ...]) -> Plots:
    known = {figure.name: figure for figure in figures}
    return Plots(
        observed_vs_counterfactual=_png(known["observed_and_expected"]),
        posterior_predictive_check=_png(known["posterior_predictive_check"]),
        effect_distribution=_png(known["effect_distribution"]),
        mcmc_diagnostics=_png(known.get("average_trace") or known["quadrature_grid"]),
    )


def _png(figure: Figure) -> str:
    from pymc_vibes.stats import draw

    return base64.b64encode(draw.to_png(figure, dpi=150)).decode("ascii")


def _past(run: Run) -> Iterator[Past]:
    if run.answer is not None:
        yield Past(
            run_id=run.id,
            created=run.created.isoformat(),
            params=dict(run.config),
            effects=_measured(run.answer.summary),
            verdict=run.answer.diagnostics.verdict,
        )


def build() -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/analytics/its", tags=["interventions"])
    router.post(
        "/analyze", summary="Say what a change did to one person's days",
        openapi_extra=RUNS | DOWNLOAD,
    )(analyze_intervention)  # fmt: skip
    router.get("/history/{user_id:path}", summary="List the analyses of one person's days")(
        list_analyses
    )
    return router
