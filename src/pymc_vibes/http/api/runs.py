"""Runs: the record of each answer, and everything that can be had of it later."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, StringConstraints

from pymc_vibes.core.answer import Answer, Diagnostics, Summary
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.http import downloads, events, examples, pending, schema
from pymc_vibes.http.api.shared import API, analyze
from pymc_vibes.http.deps import (
    RUNS,
    JsonObject,
    MetricsDep,
    Name,
    RunId,
    ServiceDep,
    SettingsDep,
)
from pymc_vibes.http.limits import DOWNLOAD
from pymc_vibes.http.paging import After, Limit, next_page
from pymc_vibes.http.pending import RunLine, line
from pymc_vibes.kinds import catalog

PREFIX = f"{API}/runs"
OF_EXPERIMENT = f"{API}/experiments/{{name}}/runs"


Labels = Annotated[
    list[Annotated[str, StringConstraints(max_length=2000)]],
    Query(max_length=1000, description="Labels wanted; default: all."),
]
InState = Annotated[
    RunState | None, Query(description="Only runs in this state.", examples=["succeeded"])
]


class RunList(BaseModel):
    """A page of runs, newest first."""

    runs: list[RunLine]
    next: str | None = None


class FigureList(BaseModel):
    """The figures of a run."""

    figures: list[Figure]


def start_run(
    service: ServiceDep,
    metrics: MetricsDep,
    response: Response,
    name: Name,
    body: JsonObject,
    snapshot: Annotated[
        int | None, Query(ge=0, le=2**62, description="A past version of the lake.")
    ] = None,
    priority: Annotated[
        int, Query(ge=-10, le=10, description="Runs of a higher one are begun first.")
    ] = 0,
) -> Answer:
    """Answer the experiment's question; the body holds settings for this question only."""
    found = analyze(service, metrics, name, body, snapshot, priority=priority).answer
    response.headers["Location"] = f"{PREFIX}/{found.run_id}"
    return found


def list_runs(
    request: Request,
    response: Response,
    service: ServiceDep,
    experiment: Annotated[
        str | None,
        Query(
            max_length=200, description="Only runs of this experiment.", examples=["observations"]
        ),
    ] = None,
    state: InState = None,
    limit: Limit = 50,
    before: After = None,
) -> RunList:
    """List runs, newest first."""
    found = service.history(experiment, state=state, limit=limit + 1, before=before)
    return _page(request, response, found, limit)


def list_runs_of(
    request: Request,
    response: Response,
    service: ServiceDep,
    name: Name,
    state: InState = None,
    limit: Limit = 50,
    before: After = None,
) -> RunList:
    """List the runs of one experiment, newest first."""
    found = service.history(name, state=state, limit=limit + 1, before=before)
    return _page(request, response, found, limit)


def show_run(service: ServiceDep, run_id: RunId) -> Run:
    """Give the whole record of a run: its answer, or how far it is, or why it has none."""
    return service.run(run_id)


def cancel_run(service: ServiceDep, run_id: RunId) -> RunLine:
    """Stop a run that waits or runs; one that runs takes a moment, `cancelling` says so."""
    return line(service.cancel(run_id))


def show_summary(service: ServiceDep, run_id: RunId) -> Summary:
    """Give headline, decision, numbers and claims."""
    return service.answer(run_id).summary


def show_diagnostics(service: ServiceDep, run_id: RunId) -> Diagnostics:
    """Say whether the posterior can be trusted, and what says so."""
    return service.answer(run_id).diagnostics


def list_figures(service: ServiceDep, run_id: RunId) -> FigureList:
    """Give the declarations of the run's figures."""
    return FigureList(figures=list(service.answer(run_id).figures))


def show_figure(
    service: ServiceDep,
    run_id: RunId,
    figure: Annotated[
        str, Path(max_length=200, description="Name of a figure.", examples=["rates.png"])
    ],
    form: Annotated[
        downloads.Picture | None,
        Query(alias="format", description="Default: by the suffix of the name, else json."),
    ] = None,
    dark: Annotated[bool, Query(description="For a dark page.")] = False,  # noqa: FBT002  # a query parameter
) -> Any:
    """Give one figure: its declaration, a PNG, an SVG or a Vega-Lite chart."""
    name, form = downloads.picture_form(figure, form)
    found = service.figure(run_id, name)
    return found if form == "json" else downloads.picture(found, form, dark=dark)


def show_posterior(
    service: ServiceDep,
    settings: SettingsDep,
    run_id: RunId,
    n: Annotated[int, Query(ge=1, le=50_000, description="Draws.")] = 5000,
    seed: Annotated[int, Query(ge=0, le=2**63 - 1)] = 42,
) -> Response:
    """Give the posterior as NetCDF, with draws, exact numbers and the cells it was fitted to."""
    return downloads.posterior(service.rebuilt(run_id), settings, n, seed)


def show_samples(
    service: ServiceDep,
    run_id: RunId,
    variable: Annotated[
        str | None,
        Query(max_length=200, description="Default: the first variable.", examples=["rate"]),
    ] = None,
    label: Labels = [],  # noqa: B006  # the framework copies it
    n: Annotated[int, Query(ge=1, le=50_000, description="Draws.")] = 5000,
    seed: Annotated[int, Query(ge=0, le=2**63 - 1)] = 42,
    form: Annotated[downloads.Stream, Query(alias="format")] = "json",
) -> Response:
    """Draw from the posterior; the same seed gives the same draws."""
    chosen = variable or service.rebuilt(run_id).posterior.variables[0].name
    draws = service.draws(run_id, chosen, label or None, n, seed)[chosen]
    labels = label or list(service.rebuilt(run_id).posterior[chosen].labels)
    return downloads.samples(chosen, labels, draws, form, run_id=run_id, seed=seed)


def show_report(service: ServiceDep, run_id: RunId) -> Response:
    """Give the answer as one file of HTML that opens without a server."""
    return downloads.report(service.run(run_id), service.rebuilt(run_id))


def _page(request: Request, response: Response, found: tuple[Run, ...], limit: int) -> RunList:
    page = found[:limit]
    more = next_page(request, response, before=page[-1].id) if len(found) > limit else None
    return RunList(runs=[line(run) for run in page], next=more)


def build() -> APIRouter:
    """Make the routes of runs."""
    router = APIRouter(tags=["runs"])
    later = pending.documented()
    router.post(
        OF_EXPERIMENT,
        summary="Analyze an experiment",
        responses=later | examples.answers(examples.ANSWER),
        openapi_extra=RUNS | schema.config_body(catalog().values()),
    )(start_run)
    listed = examples.answers(examples.RUNS)
    router.get(OF_EXPERIMENT, summary="List the runs of an experiment", responses=listed)(
        list_runs_of
    )
    router.get(PREFIX, summary="List runs", responses=listed)(list_runs)
    one = f"{PREFIX}/{{run_id}}"
    router.get(one, summary="Show a run")(show_run)
    events.route(router, f"{one}/events")
    router.post(f"{one}/cancel", summary="Cancel a run", openapi_extra=RUNS)(cancel_run)
    _route_parts(router, one)
    return router


def _route_parts(router: APIRouter, one: str) -> None:
    """Add the routes to what can be had of a run once it is over."""
    later = pending.documented()
    for part, summary, show, example in (
        ("summary", "Show the summary of a run", show_summary, examples.SUMMARY),
        ("diagnostics", "Show the diagnostics of a run", show_diagnostics, examples.DIAGNOSTICS),
    ):
        told = later | examples.answers(example)
        router.get(f"{one}/{part}", summary=summary, responses=told)(show)
    router.get(f"{one}/figures", summary="List the figures of a run", responses=later)(list_figures)
    router.get(
        f"{one}/figures/{{figure}}",
        summary="Show a figure",
        response_model=Figure,
        responses=later | downloads.documented("image/png", "image/svg+xml", downloads.VEGA),
        openapi_extra=DOWNLOAD,
    )(show_figure)
    router.get(
        f"{one}/posterior",
        summary="Download the posterior",
        response_class=Response,
        responses=later | downloads.documented(downloads.NETCDF),
        openapi_extra=DOWNLOAD,
    )(show_posterior)
    router.get(
        f"{one}/samples",
        summary="Draw from the posterior",
        response_class=Response,
        responses=later | downloads.documented("application/json", "application/x-ndjson"),
        openapi_extra=DOWNLOAD,
    )(show_samples)
    router.get(
        f"{one}/report",
        summary="Download the report",
        response_class=Response,
        responses=later | downloads.documented("text/html"),
        openapi_extra=DOWNLOAD,
    )(show_report)
