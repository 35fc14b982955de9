"""Whether the server lives and works, and what it counts."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from pymc_vibes.core.errors import Unavailable, VibesError
from pymc_vibes.http import cohorts
from pymc_vibes.http.deps import MetricsDep, ServiceDep
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.http.release import VERSION
from pymc_vibes.service import Service

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """That the server answers."""

    status: str = "ok"
    version: str = VERSION


class Readiness(Health):
    """That the parts it needs answer too."""

    lake: str = "ok"
    runs: str = "ok"


@router.get("/healthz", summary="Say that the server answers")
@router.get("/health", summary="Say that the server answers (the same)")
async def health() -> Health:
    """Answer, whatever the state of the rest."""
    return Health()


@router.get("/readyz", summary="Check the lake and the run table")
def ready(service: ServiceDep) -> Readiness:
    """Answer 200 when lake and run table can be read, 503 when not."""
    try:
        service.lake.version()
        service.history(limit=1)
    except VibesError:
        raise
    except Exception as error:
        raise Unavailable(
            f"The lake or the run table cannot be read: {type(error).__name__}.",
            hint="`vibes doctor` says what is wrong.",
            retry_after=5,
        ) from error
    return Readiness()


@router.get(
    "/metrics",
    summary="Give counters for Prometheus",
    response_class=Response,
    responses={200: {"description": "Exposition text.", "content": {"text/plain": {}}}},
)
def metrics(service: ServiceDep, counted: MetricsDep) -> Response:
    """Give latencies, rows, fits, verdicts, cache hits, unfinished runs and updates by cohort."""
    _count_cohorts(service, counted)
    counted.set_runs(service.depth(), service.outcomes())
    return Response(counted.render(), media_type=counted.media_type)


def _count_cohorts(service: Service, counted: Metrics) -> None:
    found = {experiment.name: experiment for experiment in service.experiments()}.get(
        cohorts.DEFAULT
    )
    if found is None or found.kind != cohorts.KIND:
        return
    version = f"{found.id}/{found.version}"
    if not counted.knows_cohorts(version):
        counted.count_cohorts(version, cohorts.rows_by_cohort(service, found))
