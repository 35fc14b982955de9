"""Hyperparameters and rates of a hierarchy, drawn together, at their fixed address."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints
from starlette.responses import Response

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.http import cohorts, examples, pending
from pymc_vibes.http.cohorts import DEFAULT
from pymc_vibes.http.deps import MetricsDep, ServiceDep
from pymc_vibes.http.limits import DOWNLOAD
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.http.rate_parameters import Draws, Event, Experiment, Seed, Settings, analysis_of
from pymc_vibes.http.security import NAME_BOUND, given_name
from pymc_vibes.service import Service

Chosen = Annotated[
    list[Annotated[str, StringConstraints(max_length=2000)]] | None,
    Query(
        max_length=1000,
        description="Only this cohort; repeat for more. All by default.",
        examples=[["north"]],
    ),
]


def read_hierarchy(
    service: ServiceDep,
    metrics: MetricsDep,
    event: Annotated[
        str, Path(json_schema_extra=NAME_BOUND, description="What happened.", examples=["claim"])
    ],
    overrides: Settings,
    experiment: Experiment = DEFAULT,
    n: Draws = 5000,
    seed: Seed = 42,
    cohort: Chosen = None,
) -> Response:
    """Draw the hyperparameters of an event and the rates of its cohorts, all together."""
    return _joint(service, metrics, given_name(event), overrides, experiment, n, seed, cohort)


def read_hierarchy_by_name(
    service: ServiceDep,
    metrics: MetricsDep,
    event: Event,
    overrides: Settings,
    experiment: Experiment = DEFAULT,
    n: Draws = 5000,
    seed: Seed = 42,
    cohort: Chosen = None,
) -> Response:
    """Draw the same for an event whose name does not fit into a path."""
    return _joint(service, metrics, event, overrides, experiment, n, seed, cohort)


def _joint(
    service: Service,
    metrics: Metrics,
    event: str,
    overrides: Mapping[str, Any],
    experiment: str,
    n: int,
    seed: int,
    chosen: list[str] | None,
) -> Response:
    if overrides.get("model") == "independent":
        raise BadConfig(
            "Independent rates have no hyperparameters to draw.",
            hint="Leave model out here, or ask for the samples of one cohort.",
        )
    pooled = {**overrides, "model": "hierarchical"}
    found = analysis_of(service, metrics, experiment, pooled, event)
    body = cohorts.joint_draws(found, event, n, seed, chosen)
    return Response(json.dumps(body, allow_nan=False), media_type="application/json")


def add_to(router: APIRouter) -> None:
    """Add the routes; they come before those of a cohort, which would match them too."""
    joint: dict[int | str, dict[str, Any]] = examples.answers(examples.HIERARCHY)
    joint |= pending.documented()
    for path, reader in (
        ("/posterior/hierarchical/samples", read_hierarchy_by_name),
        ("/posterior/hierarchical/{event:path}/samples", read_hierarchy),
    ):
        router.get(
            path,
            summary="Draw hyperparameters and rates of a hierarchy together",
            response_class=Response,
            responses=joint,
            openapi_extra=DOWNLOAD,
            tags=["rates"],
        )(reader)
