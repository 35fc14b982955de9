"""Runs of a marketing mix in stages, at their fixed addresses: created, built, trained, looked at.

The id of a run is its id in the resource tree too: `/api/v1/runs/{id}/events` follows it, and
`/cancel` stops it. `GET /runs/{id}` is a page for people; programs get the record of a staged run.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from pymc_vibes.core.errors import ExperimentNotFound
from pymc_vibes.http import page_runs, pending, view
from pymc_vibes.http.api.shared import API
from pymc_vibes.http.deps import RUNS, RunId, ServiceDep
from pymc_vibes.http.limits import DOWNLOAD, charge
from pymc_vibes.http.mix_bodies import EXAMPLE, CreateRun, Reason, RunRecord, Status
from pymc_vibes.http.page import go
from pymc_vibes.http.problems import is_navigation
from pymc_vibes.kinds.marketing_mix.run_spec import RunSpec
from pymc_vibes.service import standing
from pymc_vibes.service.staged import UNTRAINED, StagedRun, StagedRuns, next_call

_PARTS = ("outputs", "posterior_summary", "diagnostics", "contributions", "fitted")


def create_run(
    request: Request,
    response: Response,
    service: ServiceDep,
    body: Annotated[CreateRun, Body(openapi_examples={"reference": {"value": EXAMPLE}})],
) -> RunRecord:
    """Keep what is asked, about the data as they are now; with `run_all` train at once."""
    runs = StagedRuns(service)
    spec = RunSpec.model_validate(body.model_dump(exclude={"run_all"}))
    try:
        staged = runs.create(spec)
    except ExperimentNotFound as error:
        raise ExperimentNotFound(
            f"There is no dataset {spec.dataset_id[:80]!r}.",
            hint="POST /datasets/upload makes one.",
        ) from error
    response.headers["Location"] = f"/runs/{staged.id}"
    if body.run_all:
        staged = runs.train(staged.id)
        charge(request, staged.run)
        response.status_code = 202
    return record(staged)


def build_features(service: ServiceDep, run_id: RunId) -> Status:
    """Validate the data and build what enters the model; an error in the data ends the run."""
    return status(StagedRuns(service).build(run_id))


def train(request: Request, response: Response, service: ServiceDep, run_id: RunId) -> Status:
    """Begin to sample in the background; features that are not built are built first."""
    staged = StagedRuns(service).train(run_id)
    charge(request, staged.run)
    response.headers["Location"] = f"/runs/{staged.id}/status"
    response.headers["Retry-After"] = str(pending.AGAIN_SECONDS)
    return status(staged)


def show_status(service: ServiceDep, run_id: RunId) -> Status:
    """Say at which stage a run is, how far, for how long yet, and what comes next."""
    return status(StagedRuns(service).show(run_id))


def show_run(request: Request, service: ServiceDep, run_id: RunId) -> Any:
    """Give the record of a staged run, or the page of any run to whoever asks for a page."""
    # a run that was not made here is a page also to whoever asks for nothing in particular
    runs = StagedRuns(service)
    is_staged = runs.is_staged(run_id)
    is_page = is_navigation(request.scope) or view.is_partial(request)
    if is_page or not (is_staged or _wants_json(request)):
        # it has no page before it is trained
        staged = runs.show(run_id) if is_staged else None
        if staged is not None and staged.run is None:
            return go(f"/experiments/{view.segment(staged.experiment)}")
        return page_runs.run(request, service, run_id)
    text = record(runs.show(run_id)).model_dump_json()
    return Response(text, media_type="application/json", headers={"Vary": "Accept"})


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def status(staged: StagedRun) -> Status:
    """Say where a run stands."""
    return Status(**_standing(staged))


def record(staged: StagedRun) -> RunRecord:
    """Give a run with all that was asked of it."""
    gist = staged.run.gist if staged.run else None
    return RunRecord(
        **_standing(staged),
        created=staged.created,
        run_spec=None if staged.spec is None else dict(staged.spec),
        settings=dict(staged.settings),
        snapshot=staged.snapshot,
        headline=gist.headline if gist else None,
        verdict=gist.verdict if gist else None,
    )


def _standing(staged: StagedRun) -> dict[str, Any]:
    run = staged.run
    return {
        "run_id": staged.id,
        "dataset_id": staged.experiment,
        "stage": staged.stage,
        "next": next_call(staged),
        "reason": _reason(staged),
        "state": run.state if run else None,
        "progress": run.progress if run else None,
        "share": standing.share(run) if run else None,
        "eta_seconds": standing.seconds_left(run, datetime.now(UTC)) if run else None,
        "cancelling": run.cancelling if run else False,
        "history": list(staged.marks),
        "links": _links(staged),
    }


def _reason(staged: StagedRun) -> Reason | None:
    error = staged.error
    if error is None:
        return None
    return Reason(
        code=str(error.get("type", "")).rpartition("/")[2],
        detail=str(error.get("detail", "")),
        hint=error.get("hint"),
        errors=list(error.get("errors", ())),
    )


def _links(staged: StagedRun) -> dict[str, str]:
    here, tree = f"/runs/{staged.id}", f"{API}/runs/{staged.id}"
    links = {"self": here, "status": f"{here}/status", "dataset": f"/datasets/{staged.experiment}"}
    if staged.stage not in UNTRAINED and staged.run is not None:
        links |= {"events": f"{tree}/events", "cancel": f"{tree}/cancel", "record": tree}
    if staged.run is not None and staged.run.answer is not None:
        links |= {part: f"{here}/{part}" for part in _PARTS} | {"report": f"{tree}/report"}
    return links


def build() -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/runs", tags=["marketing mix"])
    began: dict[str, Any] = {
        "description": "It waits for a sampler: follow `Location`.",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "Where to follow it."}
        },
    }
    router.post(
        "/create",
        summary="Create a run",
        status_code=201,
        responses={202: {**began, "model": RunRecord}},
        openapi_extra=RUNS,
    )(create_run)
    one = "/{run_id}"
    router.post(
        f"{one}/build_features", summary="Build the features of a run",
        openapi_extra=RUNS | DOWNLOAD,
    )(build_features)  # fmt: skip
    router.post(
        f"{one}/train",
        summary="Train a run",
        status_code=202,
        responses={202: {**began, "model": Status}},
        openapi_extra=RUNS,
    )(train)
    router.get(f"{one}/status", summary="Say where a run stands")(show_status)
    router.get(
        one,
        summary="Show a staged run",
        response_model=RunRecord,
        responses={200: {"content": {"text/html": {}}}},
    )(show_run)
    return router
