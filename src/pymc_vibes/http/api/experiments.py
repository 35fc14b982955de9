"""Experiments: list, create, show, change, delete; their cache and the lake they live in."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from pymc_vibes.core.errors import BadRequest
from pymc_vibes.core.experiment import Experiment, LakeTable, Snapshot
from pymc_vibes.http import examples, schema
from pymc_vibes.http.api.shared import API
from pymc_vibes.http.deps import INGESTS, JsonObject, Name, ServiceDep
from pymc_vibes.http.paging import After, Limit, next_page

PREFIX = f"{API}/experiments"
_FIELDS = frozenset({"name", "kind", "display_name", "config"})


class ExperimentList(BaseModel):
    """A page of experiments by name."""

    experiments: list[Experiment]
    next: str | None = None


class Cleared(BaseModel):
    """How many remembered answers were forgotten."""

    cleared: int


class TableList(BaseModel):
    """The tables of the lake."""

    tables: list[LakeTable]


class SnapshotList(BaseModel):
    """Versions of the lake, newest first."""

    snapshots: list[Snapshot]


def list_experiments(
    request: Request,
    response: Response,
    service: ServiceDep,
    limit: Limit = 100,
    after: After = None,
    kind: Annotated[
        str | None, Query(max_length=100, description="Only this kind.", examples=["ab-test"])
    ] = None,
) -> ExperimentList:
    """List experiments by name, with their size and the time of their data."""
    found = [
        experiment
        for experiment in service.experiments()
        if (after is None or experiment.name > after) and kind in {None, experiment.kind}
    ]
    page = found[:limit]
    more = next_page(request, response, after=page[-1].name) if len(found) > limit else None
    return ExperimentList(experiments=page, next=more)


def create_experiment(service: ServiceDep, response: Response, body: JsonObject) -> Experiment:
    """Make an empty experiment; `config` holds its own defaults, the rest is the kind's."""
    name, kind = body.get("name"), body.get("kind")
    display_name, config = body.get("display_name"), body.get("config")
    if unknown := sorted(set(body) - _FIELDS):
        raise BadRequest(
            f"An experiment has no field {unknown[0][:80]!r}.",
            hint=f"It has: {', '.join(sorted(_FIELDS))}.",
        )
    if not isinstance(name, str) or not isinstance(kind, str):
        raise BadRequest("`name` and `kind` are needed, both as text.")
    if not isinstance(display_name, str | None) or not isinstance(config, dict | None):
        raise BadRequest("`display_name` must be text and `config` a JSON object.")
    made = service.create(name, kind, display_name=display_name, config=config)
    response.headers["Location"] = f"{PREFIX}/{made.name}"
    return made


def show_experiment(service: ServiceDep, name: Name) -> Experiment:
    """Give an experiment with its stored settings."""
    return service.experiment(name)


def configure_experiment(service: ServiceDep, name: Name, body: JsonObject) -> Experiment:
    """Change stored settings; null takes one back to the kind's default."""
    return service.configure(name, body)


def delete_experiment(service: ServiceDep, name: Name) -> None:
    """Delete an experiment, its events and remembered answers; its runs stay as history."""
    service.delete(name)


def clear_cache(service: ServiceDep, name: Name) -> Cleared:
    """Forget the remembered answers of exactly this experiment."""
    return Cleared(cleared=service.clear_cache(name))


def list_tables(service: ServiceDep) -> TableList:
    """List the lake's tables by experiment, with columns and rows."""
    return TableList(tables=list(service.tables()))


def list_snapshots(service: ServiceDep, limit: Limit = 50) -> SnapshotList:
    """List versions of the lake, newest first."""
    return SnapshotList(snapshots=list(service.snapshots(limit)))


def build() -> APIRouter:
    """Make the routes of experiments and of the lake."""
    router = APIRouter(tags=["experiments"])
    changes: dict[str, Any] = schema.body(schema.any_config(), {"level": {"level": 0.9}})
    shown = examples.answers(examples.EXPERIMENT)
    router.get(PREFIX, summary="List experiments")(list_experiments)
    router.post(
        PREFIX,
        summary="Create an experiment",
        status_code=201,
        openapi_extra=INGESTS | schema.creation_body(),
    )(create_experiment)
    one = f"{PREFIX}/{{name}}"
    router.get(one, summary="Show an experiment", responses=shown)(show_experiment)
    router.patch(one, summary="Change stored settings", openapi_extra=changes)(configure_experiment)
    router.delete(one, summary="Delete an experiment", status_code=204)(delete_experiment)
    router.delete(f"{one}/cache", summary="Forget remembered answers")(clear_cache)
    router.get(f"{API}/tables", summary="List the lake's tables", tags=["lake"])(list_tables)
    router.get(f"{API}/snapshots", summary="List snapshots", tags=["lake"])(list_snapshots)
    return router
