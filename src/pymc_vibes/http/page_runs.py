"""Pages of runs: the history, one answer as it was given, and one that is not there yet."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.errors import Conflict, ExperimentNotFound
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.http import asking, forms, view
from pymc_vibes.http.deps import RUNS
from pymc_vibes.http.page import Serving, go
from pymc_vibes.http.session import local
from pymc_vibes.service import Service

LISTED = 50
OFFERED = 200  # names that the field of the experiment completes

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/runs")
def runs(
    request: Request, service: Serving, experiment: str = "", state: str = "", before: str = ""
) -> Response:
    """Show the history of runs, newest first."""
    wanted = RunState(state) if state in set(RunState) else None
    found = service.history(
        experiment or None, state=wanted, limit=LISTED + 1, before=before or None
    )
    asked = {"experiment": experiment, "state": wanted or ""}
    shown = found[:LISTED]
    more = {**asked, "before": shown[-1].id} if len(found) > LISTED else {}
    context: dict[str, Any] = {
        **asked,
        "runs": shown,
        "before": before,
        "states": tuple(RunState),
        "names": [one.name for one in service.experiments()][:OFFERED],
        "here": address({**asked, "before": before}),
        "more": address(more) if more else "",
    }
    return view.render(request, "runs.html", **context)


def address(asked: Mapping[str, str]) -> str:
    """Give the address of the history that is asked for."""
    return "/runs?" + urlencode({name: text for name, text in asked.items() if text})


@router.get("/runs/{run_id}")
def run(request: Request, service: Serving, run_id: str) -> Response:
    """Show the frozen answer of one run, or how far it is."""
    found = service.run(run_id)
    kinds = {kind.slug: kind for kind in service.kinds()}
    return view.render(
        request,
        "run.html",
        run=found,
        answer=found.answer,
        kind=kinds.get(found.kind),
        changed=_changed(service, found, kinds.get(found.kind)),
    )


def _changed(service: Service, run: Run, kind: Kind[Any] | None) -> dict[str, str]:
    """Give the settings of a run without an answer that are not the experiment's own."""
    if kind is None or not run.is_over or run.answer is not None:
        return {}
    try:
        stored = service.experiment(run.experiment).config
    except ExperimentNotFound:  # the run outlives it
        return {}
    given = forms.texts(kind.config, run.config, asking.PREFIX)
    return asking.settings_typed(kind, stored, given)


@router.get("/runs/{run_id}/standing")
def standing(request: Request, service: Serving, run_id: str, again: str = "") -> Response:
    """Show how far a run is; once it is over, bring in what it was waited for.

    That is what stands at `again`, or the page that asks; of a run without an answer its own page.
    """
    found = service.run(run_id)
    if not found.is_over:
        return view.render(request, "_standing.html", run=found)
    if found.state is not RunState.SUCCEEDED:
        return Response(headers={"HX-Redirect": f"/runs/{found.id}"})
    if not again:
        return Response(headers={"HX-Refresh": "true"})
    # the answer is nothing that the panel could turn into
    headers = {"HX-Reswap": "innerHTML"}
    return view.render(request, "_again.html", headers=headers, again=local(again))


@router.post("/runs/{run_id}/cancel", openapi_extra=RUNS)
def cancel(service: Serving, run_id: str) -> Response:
    """Stop a run, and show what became of it."""
    with suppress(Conflict):  # it was over before the button was pressed: its page says how
        service.cancel(run_id)
    return go(f"/runs/{view.segment(run_id)}")
