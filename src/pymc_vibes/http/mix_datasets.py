"""Datasets of a marketing mix at their fixed addresses: each is an experiment of that kind."""

import re
from hashlib import file_digest
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, ExperimentExists, ExperimentNotFound
from pymc_vibes.core.experiment import Experiment, check_name
from pymc_vibes.http.api import events
from pymc_vibes.http.deps import INGESTS, QUESTION, MetricsDep, ServiceDep
from pymc_vibes.http.limits import DOWNLOAD, UPLOAD
from pymc_vibes.http.mix_bodies import (
    EXAMPLE,
    CheckSpec,
    Dataset,
    DatasetCheck,
    DatasetColumn,
    Uploaded,
)
from pymc_vibes.http.uploads import StagedDep
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA, Roles, roles_of
from pymc_vibes.service import Service
from pymc_vibes.service.keys import digest
from pymc_vibes.service.staged import KIND, StagedRuns

_SUFFIXES = {".csv", ".parquet", ".pq", ".tsv", ".json", ".ndjson", ".jsonl", ".gz", ".txt"}
_HASHED = 12  # characters of a name that is made from the content

DatasetId = Annotated[
    str, Path(max_length=200, description="Name of a dataset.", examples=["sample_001"])
]


async def _name(
    request: Request,
    staged: StagedDep,
    dataset_id: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Name of the dataset; also a field of the form. Without one it is made "
            "from the name of the file, or from its content.",
        ),
    ] = None,
) -> str:
    given = dataset_id or await _field(request)
    if given:
        return check_name(given)
    made = _made_of(staged.filename)
    return made or f"dataset-{(await run_in_threadpool(_hash_of, staged.path))[:_HASHED]}"


async def _field(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return ""
    field = (await request.form()).get("dataset_id")  # parsed before, for the file
    return field.strip() if isinstance(field, str) else ""


def _made_of(filename: str | None) -> str:
    """Make a name from that of a file; empty where nothing is left of it.

    >>> _made_of("Media Spend (2024).CSV"), _made_of("../../x.csv.gz"), _made_of("???")
    ('media-spend-2024', 'x', '')
    """
    stem = FilePath((filename or "").replace("\\", "/")).name
    while FilePath(stem).suffix.lower() in _SUFFIXES:
        stem = FilePath(stem).stem
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:64]


def _hash_of(path: FilePath) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def upload_dataset(
    service: ServiceDep,
    metrics: MetricsDep,
    response: Response,
    staged: StagedDep,
    name: Annotated[str, Depends(_name)],
    told: events.Told = None,
    timezone: events.TimeZone = "UTC",
    skip_bad_rows: events.SkipBad = False,  # noqa: FBT002  # a query parameter, named by the caller
    mapping: events.Mapped = [],  # noqa: B006  # the framework copies it
    constants: events.Constants = [],  # noqa: B006
    idempotency_key: events.Key = None,
) -> Uploaded:
    """Add the rows of a file to a dataset, which is made where there is none of that name.

    Without a key of its own the same file, read in the same way, has one effect.
    """
    is_new = _make(service, name)
    options: dict[str, Any] = {
        "told": told,
        "timezone": timezone,
        "skip_bad_rows": skip_bad_rows,
        "mapping": mapping,
        "constants": constants,
    }
    key = idempotency_key or f"file-{digest({'file': _hash_of(staged.path), **options})}"
    try:
        receipt = events.take_in(service, metrics, name, staged, **options, idempotency_key=key)
    except BaseException:
        if is_new and not service.experiment(name).rows:
            service.delete(name)  # a file that cannot be read leaves no dataset behind
        raise
    response.headers["Location"] = f"/datasets/{name}"
    return Uploaded(
        dataset_id=name,
        created=is_new,
        ingested=receipt.ingested,
        rejected=receipt.rejected,
        replayed=receipt.replayed,
        bad_rows=list(receipt.bad_rows),
        columns=dict(receipt.columns),
        rows=service.experiment(name).rows,
    )


def _make(service: Service, name: str) -> bool:
    """Make the dataset; say whether it is new. Raises `KindMismatch` for another kind's name."""
    try:
        service.create(name, KIND)
    except ExperimentExists:
        service.experiment_of(name, KIND)
        return False
    return True


def check_dataset(
    service: ServiceDep,
    dataset_id: DatasetId,
    body: Annotated[
        CheckSpec | None, Body(openapi_examples={"reference": {"value": EXAMPLE}})
    ] = None,
) -> DatasetCheck:
    """Say what stands against a fit, what is odd, and where; nothing is fitted or changed.

    Without a body the data are looked at under the dataset's own settings, with one as a run of
    that specification would look at them.
    """
    experiment = dataset(service, dataset_id)
    settings: dict[str, Any] = {}
    if body is not None:
        settings = body.config().model_dump(mode="json", exclude_unset=True)
    summary = StagedRuns(service).check(experiment, settings)
    return DatasetCheck(
        dataset_id=experiment.name, is_valid=summary.is_valid, validation_summary=summary
    )


def show_dataset(service: ServiceDep, dataset_id: DatasetId) -> Dataset:
    """Give a dataset with its columns and the parts that they play."""
    experiment = dataset(service, dataset_id)
    with service.lake.reading(experiment, None, SCHEMA) as view:
        present = tuple(view.events.columns)
    roles = _roles(experiment, present)
    return Dataset(
        dataset_id=experiment.name,
        display_name=experiment.display_name,
        rows=experiment.rows,
        columns=[DatasetColumn(name=name, role=_part(name, roles)) for name in present],
        channels=list(roles.channels) if roles else [],
        first=experiment.first,
        last=experiment.last,
        created=experiment.created,
        updated=experiment.updated,
        snapshot=experiment.snapshot,
    )


def dataset(service: Service, name: str) -> Experiment:
    """Give the experiment that a dataset is."""
    try:
        return service.experiment_of(name, KIND)
    except ExperimentNotFound as error:
        raise ExperimentNotFound(
            f"There is no dataset {name[:80]!r}.",
            hint="POST /datasets/upload makes one; sample_001 comes with the first run of it.",
        ) from error


def _roles(experiment: Experiment, present: tuple[str, ...]) -> Roles | None:
    config = parse(MarketingMixConfig, experiment.config)
    try:
        return roles_of(present, config.target_column, config.drivers, config.controls)
    except BadConfig:  # its own settings name a column that it does not have: a check says so
        return None


def _part(name: str, roles: Roles | None) -> Any:
    fixed = {"entity_id": "entity", "period_start": "period"}
    if name in fixed:
        return fixed[name]
    if roles is None:
        return "unused"
    parts = {
        **dict.fromkeys(roles.controls, "control"),
        **dict.fromkeys(roles.spends.values(), "spend"),
        **dict.fromkeys(roles.drivers.values(), "activity"),
        roles.target: "target",
    }
    return parts.get(name, "unused")


def build() -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/datasets", tags=["marketing mix"])
    file = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": file, "dataset_id": {"type": "string", "maxLength": 200}},
    }
    content: dict[str, Any] = {
        "multipart/form-data": {"schema": form},
        "text/csv": {"schema": file},
        "application/vnd.apache.parquet": {"schema": file},
    }
    router.post(
        "/upload",
        summary="Upload a dataset",
        openapi_extra=INGESTS | UPLOAD | {"requestBody": {"required": True, "content": content}},
    )(upload_dataset)
    one = "/{dataset_id}"
    router.post(f"{one}/validate", summary="Check a dataset", openapi_extra=QUESTION | DOWNLOAD)(
        check_dataset
    )
    router.get(one, summary="Show a dataset")(show_dataset)
    return router
