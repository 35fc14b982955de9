"""Addresses that are fixed by agreement and not part of the resource tree.

Thin adapters over the same service: rates at the root (`/ingest`, `/cohorts`, `/posterior/...`,
`/compare`), which act on the experiment `observations` or on `?experiment=NAME`, and
`/KIND/posterior?experiment_name=NAME` for every kind.
"""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from pymc_vibes.core.answer import Answer, Origin
from pymc_vibes.core.errors import BadRequest
from pymc_vibes.core.experiment import BadRow
from pymc_vibes.core.kind import Kind
from pymc_vibes.http import cohorts, examples, hierarchies, parameters, pending, schema
from pymc_vibes.http.api import events
from pymc_vibes.http.api.shared import analyze
from pymc_vibes.http.cohorts import DEFAULT, KIND
from pymc_vibes.http.deps import INGESTS, MetricsDep, ServiceDep
from pymc_vibes.http.limits import DOWNLOAD, UPLOAD
from pymc_vibes.http.paging import After, Limit
from pymc_vibes.http.rate_parameters import (
    Cohort,
    Draws,
    Event,
    Experiment,
    Related,
    Seed,
    Settings,
    analysis_of,
)
from pymc_vibes.http.security import NAME_BOUND, given_name
from pymc_vibes.http.tabular import MEDIA_TYPES
from pymc_vibes.http.uploads import StagedDep
from pymc_vibes.kinds import catalog
from pymc_vibes.service import Analysis

_PIECE = 5000


class Ingested(BaseModel):
    """What an upload did."""

    ingested: int
    rejected: int = 0
    replayed: bool = False
    bad_rows: list[BadRow] = []


class Cell(BaseModel):
    """The posterior of one rate: Gamma(alpha, beta), shape and rate; null in a hierarchy."""

    cohort: str
    event: str
    alpha: float | None
    beta: float | None
    mean: float
    median: float
    sd: float
    hdi95: list[float]
    eti95: list[float]
    hdi: list[float]
    eti: list[float]
    level: float
    k: int
    T: float
    unit: str
    start: str
    end: str
    exposure: str
    model: Related
    method: str
    origin: Origin


class Comparison(BaseModel):
    """Which of two rates is higher, from their joint posterior."""

    model_config = {"extra": "allow"}

    event: str
    p_A_gt_B: float  # noqa: N815  # a name fixed by agreement
    level: float
    difference: dict[str, Any]
    ratio: dict[str, Any]
    expected_loss: dict[str, float]
    decision: str
    headline: str
    A: dict[str, Any]
    B: dict[str, Any]
    model: Related
    origin: Origin


async def _named(
    cohort: Annotated[
        str, Path(json_schema_extra=NAME_BOUND, description="A cohort.", examples=["north"])
    ],
    event: Annotated[
        str, Path(json_schema_extra=NAME_BOUND, description="What happened.", examples=["claim"])
    ],
) -> tuple[str, str]:
    return given_name(cohort), given_name(event)


Named = Annotated[tuple[str, str], Depends(_named)]


def ingest(
    service: ServiceDep,
    metrics: MetricsDep,
    staged: StagedDep,
    experiment: Experiment = DEFAULT,
    told: events.Told = None,
    timezone: events.TimeZone = "UTC",
    skip_bad_rows: events.SkipBad = False,  # noqa: FBT002  # a query parameter, named by the caller
    mapping: events.Mapped = [],  # noqa: B006  # the framework copies it
    constants: events.Constants = [],  # noqa: B006
    idempotency_key: events.Key = None,
) -> Ingested:
    """Take in rows with `ts`, `cohort`, `event` and maybe `count`, `exposure`.

    The first rows that are taken in make the experiment.
    """
    receipt = events.take_in(
        service,
        metrics,
        experiment,
        staged,
        making=KIND,
        told=told,
        timezone=timezone,
        skip_bad_rows=skip_bad_rows,
        mapping=mapping,
        constants=constants,
        idempotency_key=idempotency_key,
    )
    return Ingested(
        ingested=receipt.ingested,
        rejected=receipt.rejected,
        replayed=receipt.replayed,
        bad_rows=list(receipt.bad_rows),
    )


def list_cohorts(
    request: Request,
    response: Response,
    service: ServiceDep,
    metrics: MetricsDep,
    overrides: Settings,
    experiment: Experiment = DEFAULT,
    event: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="The event of a hierarchy; its most frequent one.",
            examples=["claim"],
        ),
    ] = None,
    limit: Limit = 100,
    after: After = None,
) -> cohorts.CohortPage:
    """List cohorts by name, each with its events, counts and rates; the page's selectors."""
    found = analysis_of(service, metrics, experiment, overrides, event)
    return cohorts.page(request, response, service, found, limit=limit, after=after)


def read_cell(
    service: ServiceDep,
    metrics: MetricsDep,
    named: Named,
    overrides: Settings,
    experiment: Experiment = DEFAULT,
) -> Cell:
    """Give the posterior of one cohort's rate of one event."""
    found = analysis_of(service, metrics, experiment, overrides, named[1])
    return _cell(found, *named)


def read_cell_by_name(
    service: ServiceDep,
    metrics: MetricsDep,
    cohort: Cohort,
    event: Event,
    overrides: Settings,
    experiment: Experiment = DEFAULT,
) -> Cell:
    """Give the same for names that do not fit into a path."""
    found = analysis_of(service, metrics, experiment, overrides, event)
    return _cell(found, cohort, event)


def read_samples(
    service: ServiceDep,
    metrics: MetricsDep,
    named: Named,
    overrides: Settings,
    experiment: Experiment = DEFAULT,
    n: Draws = 5000,
    seed: Seed = 42,
    form: Annotated[Literal["json", "ndjson"], Query(alias="format")] = "json",
) -> Response:
    """Draw from the posterior of one rate; one seed is one set of joint draws of all cohorts."""
    found = analysis_of(service, metrics, experiment, overrides, named[1])
    return _samples(found, *named, n, seed, form)


def read_samples_by_name(
    service: ServiceDep,
    metrics: MetricsDep,
    cohort: Cohort,
    event: Event,
    overrides: Settings,
    experiment: Experiment = DEFAULT,
    n: Draws = 5000,
    seed: Seed = 42,
    form: Annotated[Literal["json", "ndjson"], Query(alias="format")] = "json",
) -> Response:
    """Draw for names that do not fit into a path."""
    found = analysis_of(service, metrics, experiment, overrides, event)
    return _samples(found, cohort, event, n, seed, form)


def compare(
    service: ServiceDep,
    metrics: MetricsDep,
    event: Event,
    first: Annotated[str, Query(alias="A", min_length=1, max_length=2000, examples=["north"])],
    second: Annotated[str, Query(alias="B", min_length=1, max_length=2000, examples=["south"])],
    overrides: Settings,
    experiment: Experiment = DEFAULT,
) -> Comparison:
    """Say how likely A's rate is higher than B's, and what choosing either costs."""
    found = analysis_of(service, metrics, experiment, overrides, event)
    compared = cohorts.comparison(found, first, second, event)
    return Comparison.model_validate({**compared, "origin": found.answer.origin})


def _cell(found: Analysis, cohort: str, event: str) -> Cell:
    numbers = cohorts.cell(found, cohort, event)
    return Cell.model_validate({**numbers, "origin": found.answer.origin})


def _samples(found: Analysis, cohort: str, event: str, n: int, seed: int, form: str) -> Response:
    facts = cohorts.cell(found, cohort, event)
    draws = cohorts.draws(found, cohort, event, n, seed)
    if form == "ndjson":
        pieces = (
            "".join(f'{{"rate":{value!r}}}\n' for value in draws[begin : begin + _PIECE]).encode()
            for begin in range(0, n, _PIECE)
        )
        return StreamingResponse(pieces, media_type=MEDIA_TYPES["ndjson"])
    kept = ("cohort", "event", "alpha", "beta", "k", "T", "unit", "start", "end")
    body = {name: facts[name] for name in kept} | {
        "n": n,
        "seed": seed,
        "model": facts["model"],
        "samples": draws,
    }
    return Response(json.dumps(body, allow_nan=False), media_type="application/json")


def _posterior_of(kind: Kind[Any]) -> Any:
    def answer(
        request: Request,
        service: ServiceDep,
        metrics: MetricsDep,
        experiment_name: Annotated[
            str | None, Query(max_length=200, description="The experiment.", examples=["signups"])
        ] = None,
    ) -> Answer:
        if not experiment_name:
            raise BadRequest("Name the experiment.", hint="?experiment_name=NAME")
        service.experiment_of(experiment_name, kind.slug)
        besides = frozenset({"experiment_name"})
        config, others = parameters.split(request.query_params, kind.config, besides=besides)
        return analyze(service, metrics, experiment_name, config | others).answer

    return answer


def build() -> APIRouter:
    """Make the routes."""
    router = APIRouter()
    _add_rates(router)
    for kind in catalog().values():
        router.get(
            f"/{kind.slug}/posterior",
            tags=["answers"],
            summary=f"Analyze an experiment of kind {kind.slug}",
            description=f"Settings are parameters. {kind.question}",
            name=f"posterior_{kind.slug}",
            responses=pending.documented() | examples.answers(examples.ANSWER),
            openapi_extra=schema.query_parameters([kind.config]),
        )(_posterior_of(kind))
    return router


def _add_rates(router: APIRouter) -> None:
    rates: dict[str, Any] = {"tags": ["rates"]}
    row = {"ts": "2024-03-01T12:00:00Z", "cohort": "A", "event": "claim", "count": 1}
    router.post(
        "/ingest",
        summary="Ingest rows of events",
        openapi_extra=INGESTS | UPLOAD | schema.rows_body({"rows": [row]}),
        responses=examples.answers(examples.INGESTED),
        **rates,
    )(ingest)
    _add_reads(router, pending.documented(), rates)


def _add_reads(
    router: APIRouter, later: dict[int | str, dict[str, Any]], rates: dict[str, Any]
) -> None:
    router.get(
        "/cohorts",
        summary="List cohorts and their rates",
        responses=later | examples.answers(examples.COHORTS),
        **rates,
    )(list_cohorts)
    drawn = later | examples.answers(examples.SAMPLES)
    drawn[200]["content"]["application/x-ndjson"] = {}
    hierarchies.add_to(router)
    # a slash in a name is written as %2F; one that is not belongs to the cohort
    by_path = "/posterior/{cohort:path}/{event}"
    for path, endpoint in (
        (f"{by_path}/samples", read_samples),
        ("/posterior/samples", read_samples_by_name),
    ):
        summary = "Draw from the posterior of a rate"
        router.get(
            path,
            summary=summary,
            response_class=Response,
            responses=drawn,
            openapi_extra=DOWNLOAD,
            **rates,
        )(endpoint)
    for path, summary, reader, example in (
        (by_path, "Give the posterior of a rate", read_cell, examples.CELL),
        ("/posterior", "Give the posterior of a rate, by name", read_cell_by_name, examples.CELL),
        ("/compare", "Compare two rates", compare, examples.COMPARISON),
    ):
        shown = later | examples.answers(example)
        router.get(path, summary=summary, responses=shown, **rates)(reader)
