"""What the addresses of rates can be told, and the analysis that answers them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from pymc_vibes.core.errors import ExperimentNotFound
from pymc_vibes.http import cohorts
from pymc_vibes.http.api.shared import analyze
from pymc_vibes.http.cohorts import DEFAULT, KIND
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.service import Analysis, Service

SETTINGS = ("start", "end", "unit", "alpha0", "beta0", "level", "model", "engine")
Experiment = Annotated[
    str,
    Query(
        max_length=200,
        description="An experiment of kind poisson-cohorts.",
        examples=["observations"],
    ),
]
Draws = Annotated[int, Query(ge=1, le=50_000, description="Draws.", examples=[1000])]
Seed = Annotated[
    int, Query(ge=0, le=2**63 - 1, description="Same seed, same draws.", examples=[42])
]
Event = Annotated[
    str, Query(min_length=1, max_length=2000, description="What happened.", examples=["claim"])
]
Cohort = Annotated[
    str, Query(min_length=1, max_length=2000, description="A cohort.", examples=["north"])
]

type Related = Literal["independent", "hierarchical"]
"""How the rates of cohorts are related, where each cohort has one rate."""


async def _settings(
    start: Annotated[
        str | None,
        Query(max_length=100, description="Start of the window, UTC.", examples=["2024-01-01"]),
    ] = None,
    end: Annotated[
        str | None,
        Query(max_length=100, description="End of the window, exclusive.", examples=["2024-01-15"]),
    ] = None,
    unit: Annotated[
        str | None, Query(max_length=100, description="Unit of time of the rate.", examples=["day"])
    ] = None,
    alpha0: Annotated[
        str | None, Query(max_length=100, description="Shape of the prior.", examples=["0.5"])
    ] = None,
    beta0: Annotated[
        str | None,
        Query(max_length=100, description="Rate of the prior, in that unit.", examples=["2"]),
    ] = None,
    level: Annotated[
        str | None, Query(max_length=100, description="Mass of the intervals.", examples=["0.9"])
    ] = None,
    model: Annotated[
        Related | None,
        Query(
            description="How rates are related; as the experiment says, else independent.",
            examples=["hierarchical"],
        ),
    ] = None,
    engine: Annotated[
        Literal["auto", "nuts"] | None,
        Query(description="How a hierarchy is computed.", examples=["auto"]),
    ] = None,
) -> dict[str, Any]:
    given = (start, end, unit, alpha0, beta0, level, model, engine)
    return {name: text for name, text in zip(SETTINGS, given, strict=True) if text}


Settings = Annotated[dict[str, Any], Depends(_settings)]


def analysis_of(
    service: Service,
    metrics: Metrics,
    name: str,
    overrides: Mapping[str, Any],
    event: str | None,
) -> Analysis:
    """Answer for an experiment of rates under these settings; a hierarchy is about the event."""
    try:
        known = service.experiment_of(name, KIND)
    except ExperimentNotFound as error:
        if name != DEFAULT:
            raise
        raise ExperimentNotFound(
            "Nothing was ingested yet.", hint="POST /ingest makes the experiment `observations`."
        ) from error
    return analyze(service, metrics, name, cohorts.one_rate_each(known, overrides, event))
