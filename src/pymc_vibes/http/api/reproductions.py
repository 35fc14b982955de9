"""Computing a recorded answer again, to see whether it comes out the same."""

from typing import Annotated

from fastapi import APIRouter, Query

from pymc_vibes.http import pending
from pymc_vibes.http.api.shared import API
from pymc_vibes.http.deps import RUNS, RunId, ServiceDep
from pymc_vibes.service.reproduce import Reproduction


def reproduce_run(
    service: ServiceDep,
    run_id: RunId,
    by: Annotated[
        str | None,
        Query(
            max_length=100,
            description="The run that sampled it anew, which an answer 202 named before.",
        ),
    ] = None,
) -> Reproduction:
    """Compute the answer again from the recorded snapshot, settings and seed; say what differs.

    What was sampled is sampled anew by a run of its own: follow `Location` to its end, then ask
    again with its id as `by`.
    """
    return service.reproduce(run_id, by=by)


def build() -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["runs"])
    router.post(
        f"{API}/runs/{{run_id}}/reproduce",
        summary="Reproduce a run",
        responses=pending.documented(),
        openapi_extra=RUNS,
    )(reproduce_run)
    return router
