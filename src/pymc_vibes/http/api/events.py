"""Events: in as a file of any of four formats, out as a page or a download."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import StringConstraints

from pymc_vibes.core.errors import BadRequest
from pymc_vibes.core.experiment import FileFormat, Preview, Receipt
from pymc_vibes.http import examples
from pymc_vibes.http.api.shared import API
from pymc_vibes.http.deps import INGESTS, MetricsDep, Name, ServiceDep, SettingsDep
from pymc_vibes.http.downloads import export_response
from pymc_vibes.http.limits import DOWNLOAD, UPLOAD
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.http.uploads import MEDIA_TYPES, Staged, StagedDep, read_options
from pymc_vibes.service import Service

PATH = f"{API}/experiments/{{name}}/events"
type _Text = Annotated[str, StringConstraints(max_length=4000)]
Mapped = Annotated[
    list[_Text],
    Query(
        alias="map",
        max_length=1000,
        description="`column=source`: which source column to read a column from; several sources "
        "are joined (`cohort=model+year`, the plus written as %2B, or a comma).",
    ),
]
Constants = Annotated[
    list[_Text],
    Query(
        alias="set",
        max_length=1000,
        description="`column=value`: one value for every row.",
        examples=[["event=claim"]],
    ),
]
TimeZone = Annotated[
    str,
    Query(
        max_length=64,
        description="IANA zone of times that carry no offset.",
        examples=["Europe/Berlin"],
    ),
]
SkipBad = Annotated[bool, Query(description="Keep the good rows and set the bad ones aside.")]
Told = Annotated[
    FileFormat | None,
    Query(alias="format", description="Default: by Content-Type or content.", examples=["csv"]),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key with the same body has one effect; with another body it is 409.",
    ),
]


def take_in(
    service: Service,
    metrics: Metrics,
    name: str,
    staged: Staged,
    *,
    making: str | None = None,
    **options: Any,
) -> Receipt:
    """Add a staged file to an experiment and count its rows; `making` is the kind of a new one."""
    read = read_options(told=options.pop("told") or staged.format, **options)
    if making is None:
        receipt = service.upload(name, staged.path, read, filename=staged.filename)
    else:
        receipt = service.upload_first(name, making, staged.path, read, filename=staged.filename)
    if not receipt.replayed:
        kind = service.experiment(name).kind
        metrics.count_rows(kind, receipt.ingested, receipt.rejected)
    return receipt


def upload_events(
    service: ServiceDep,
    metrics: MetricsDep,
    name: Name,
    staged: StagedDep,
    told: Told = None,
    timezone: TimeZone = "UTC",
    skip_bad_rows: SkipBad = False,  # noqa: FBT002  # a query parameter, named by the caller
    mapping: Mapped = [],  # noqa: B006  # the framework copies it
    constants: Constants = [],  # noqa: B006
    idempotency_key: Key = None,
) -> Receipt:
    """Add the events of a file: all or nothing, unless `skip_bad_rows` keeps the good ones."""
    return take_in(
        service,
        metrics,
        name,
        staged,
        told=told,
        timezone=timezone,
        skip_bad_rows=skip_bad_rows,
        mapping=mapping,
        constants=constants,
        idempotency_key=idempotency_key,
    )


def read_events(
    service: ServiceDep,
    settings: SettingsDep,
    name: Name,
    limit: Annotated[
        int, Query(ge=1, le=1000, description="Most rows on a page.", examples=[20])
    ] = 50,
    offset: Annotated[int, Query(ge=0, le=2**53, description="Rows before the page.")] = 0,
    form: Annotated[
        Literal["json", "csv", "ndjson", "parquet"],
        Query(alias="format", description="json: a page; any other: every event as a download."),
    ] = "json",
) -> Any:
    """Give a page of events in time order, or all of them as a download."""
    if form == "json":
        return service.preview(name, limit=limit, offset=offset)
    if offset:
        raise BadRequest("A download holds every event: leave `offset` out.")
    return export_response(service, settings, name, form)


def build() -> APIRouter:
    """Make the routes of events."""
    router = APIRouter(tags=["events"])
    media: dict[str, Any] = {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES
    }
    rows = [{"outcome": True}, {"outcome": False}]
    media["application/json"] = {
        "schema": {"type": "array", "items": {"type": "object"}},
        "examples": {"rows": {"value": rows}},
    }
    router.post(
        PATH,
        summary="Upload events",
        responses=examples.answers(examples.RECEIPT),
        openapi_extra=INGESTS | UPLOAD | {"requestBody": {"required": True, "content": media}},
    )(upload_events)
    router.get(
        PATH,
        summary="Read or download events",
        response_model=Preview,
        openapi_extra=DOWNLOAD,
        responses={
            200: {
                "content": {
                    "text/csv": {},
                    "application/x-ndjson": {},
                    "application/vnd.apache.parquet": {},
                }
            }
        },
    )(read_events)
    return router
