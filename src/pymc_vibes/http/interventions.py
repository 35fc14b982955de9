"""The change of one person's days, at its fixed address, and what was said of it before.

Thin adapters over the same service, for experiments of kind `interrupted-time-series`. A request
with `engine=nuts` waits for its answer, unless `Prefer: respond-async` asks for a run to follow.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response

from pymc_vibes.core.answer import Diagnostics, Finding, Summary
from pymc_vibes.core.errors import BadConfig, ExperimentNotFound
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.instant import show
from pymc_vibes.core.run import Run
from pymc_vibes.http.api.shared import analyze
from pymc_vibes.http.deps import RUNS, MetricsDep, ServiceDep
from pymc_vibes.http.intervention_bodies import (
    Analyzed,
    Checked,
    Counterfactual,
    Grid,
    History,
    Measured,
    MeasuredNow,
    Past,
    Plots,
    Question,
    Relative,
)
from pymc_vibes.http.limits import DOWNLOAD
from pymc_vibes.http.paging import After, Limit, next_page
from pymc_vibes.http.security import NAME_BOUND, given_name
from pymc_vibes.kinds.interrupted_series.cells import stored_name
from pymc_vibes.kinds.interrupted_series.config import SCHEMA, InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.reading import Reading
from pymc_vibes.service import Analysis, Service

KIND = "interrupted-time-series"
DEFAULT = "behavioral_events"
MOST_DRAWS = 50_000
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
    column = _column(service, experiment, question.outcome_metric)
    found = analyze(patient, metrics, experiment, _settings(question, column))
    return _analyzed(service, question, found)


def list_analyses(
    request: Request,
    response: Response,
    service: ServiceDep,
    user_id: Annotated[
        str, Path(json_schema_extra=NAME_BOUND, description="Whose days.", examples=["user-1"])
    ],
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


def _column(service: Service, name: str, given: str) -> str:
    """Give the outcome's column: the declared one, unless the data have one of that very name."""
    declared = SCHEMA.resolve(given)
    if declared is None or declared == given:
        return given
    with service.lake.reading(service.experiment_of(name, KIND), None, SCHEMA) as view:
        is_stored = stored_name(given, view.events.columns) != declared
    return given if is_stored else declared


def _settings(question: Question, column: str) -> dict[str, Any]:
    return {
        "user_id": question.user_id,
        "intervention_date": question.intervention_date,
        "outcome_column": column,
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
        counterfactual=_counterfactual(reading),
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


def _counterfactual(reading: Reading) -> Counterfactual:
    import numpy as np

    fit, level = reading.fit, reading.config.level
    days = np.arange(fit.window.first, fit.window.end, dtype=float)
    daily = fit.series.daily()
    seen = dict(zip(daily.day.tolist(), daily.mean.tolist(), strict=True))
    expected, noisy = fit.expected(days).light(), fit.predicted(days).light()
    ends = [values.tolist() for told in (expected, noisy) for values in told.interval(level)]
    return Counterfactual(
        day=[day_of(day).isoformat() for day in days],
        observed=[seen.get(day) for day in days.tolist()],
        expected=expected.mean().tolist(),
        low=ends[0], high=ends[1], low_with_noise=ends[2], high_with_noise=ends[3],
        level=level,
    )  # fmt: skip


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
    return picture(figure.model_dump_json())


@lru_cache(maxsize=64)  # four for each answer: drawing takes longer than all else of a known one
def picture(told: str) -> str:
    """Draw a figure, given as JSON: a PNG of 150 dpi in base64."""
    from pymc_vibes.stats import draw

    figure = Figure.model_validate_json(told)
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
