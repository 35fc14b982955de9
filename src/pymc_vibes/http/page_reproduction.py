"""The page that holds a recorded answer against the same question computed again."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.run import Pending
from pymc_vibes.http import view
from pymc_vibes.http.deps import RUNS
from pymc_vibes.http.limits import MAY_RUN, charge
from pymc_vibes.http.page import Serving, go
from pymc_vibes.service.reproduce import Reproduction

router = APIRouter(default_response_class=HTMLResponse)


@router.post("/runs/{run_id}/reproduce", openapi_extra=RUNS | MAY_RUN)
def reproduce(request: Request, service: Serving, run_id: str) -> Response:
    """Compute an answer again and show what differs, or go to where it will be shown."""
    try:
        found = service.reproduce(run_id)
    except Pending as sampled:
        charge(request, sampled.run)
        return go(f"/runs/{view.segment(run_id)}/reproduction", {"by": sampled.run.id})
    return _shown(request, found)


@router.get("/runs/{run_id}/reproduction")
def reproduction(request: Request, service: Serving, run_id: str, by: str) -> Response:
    """Show what differs from an answer that was sampled anew, once that is there."""
    return _shown(request, service.reproduce(run_id, by=by))


def _shown(request: Request, found: Reproduction) -> Response:
    return view.render(request, "reproduction.html", found=found)
