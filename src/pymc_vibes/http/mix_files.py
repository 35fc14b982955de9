"""What a staged run leaves as files, and the list of all that can be had of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import JsonValue
from starlette.responses import Response

from pymc_vibes.http import downloads, pending
from pymc_vibes.http.api.shared import API
from pymc_vibes.http.deps import RunId, ServiceDep, SettingsDep
from pymc_vibes.http.limits import DOWNLOAD
from pymc_vibes.http.mix_bodies import Artifact, Outputs
from pymc_vibes.http.mix_outputs import (
    Trained,
    as_json,
    contributions_of,
    diagnosis_of,
    fitted_of,
    summary_of,
    trained,
)
from pymc_vibes.http.tabular import MEDIA_TYPES, parquet_bytes
from pymc_vibes.kinds.marketing_mix import outputs
from pymc_vibes.kinds.marketing_mix.outputs import MASS
from pymc_vibes.service import Service
from pymc_vibes.service.staged import Stage, StagedRun, StagedRuns, require

if TYPE_CHECKING:
    import pyarrow as pa

type FileName = Literal[
    "canonical_data.parquet", "features.parquet", "feature_scaler.json", "validation_summary.json"
]
_BUILT = frozenset(Stage) - {Stage.CREATED, Stage.VALIDATED, Stage.ERROR}
_TABLE_FORMATS = ("csv", "parquet")
_JSON, _PARQUET = MEDIA_TYPES["json"], MEDIA_TYPES["parquet"]


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A file in memory."""

    media_type: str
    content: bytes
    summary: Mapping[str, JsonValue]


def show_outputs(service: ServiceDep, settings: SettingsDep, run_id: RunId) -> Outputs:
    """List all that can be had of a run: how large it is, and what it holds."""
    found = trained(service, run_id)
    answer = found.analysis.answer
    made = _files(service, found.staged)
    tables = _tables(found)
    return Outputs(
        run_id=run_id,
        stage=found.staged.stage,
        headline=answer.summary.headline,
        verdict=answer.diagnostics.verdict,
        artifacts=[
            *(_artifact(n, make(), f"/runs/{run_id}/outputs/{n}") for n, make in made.items()),
            _posterior(found, downloads.posterior_bytes(found.analysis, settings)),
            *(
                _artifact(n, make(), f"/runs/{run_id}/{n}", formats=_TABLE_FORMATS)
                for n, make in tables.items()
            ),
        ],
    )


def download(service: ServiceDep, run_id: RunId, name: FileName) -> Response:
    """Give the canonical data, the features, their scaler, or what the check of the data found."""
    staged = StagedRuns(service).show(run_id)
    require(staged, _BUILT, "be downloaded")
    made = _files(service, staged)[name]()
    headers = {"Content-Disposition": f'attachment; filename="{staged.id}-{name}"'}
    return Response(made.content, media_type=made.media_type, headers=headers)


def _files(service: Service, staged: StagedRun) -> Mapping[FileName, Callable[[], _Made]]:
    runs = StagedRuns(service)

    def canonical() -> _Made:
        return _parquet(outputs.canonical_table(runs.study(staged)[0]))

    def features() -> _Made:
        return _parquet(outputs.features_table(*runs.study(staged)))

    def scaler() -> _Made:
        found = outputs.scaler_of(*runs.study(staged))
        about: dict[str, JsonValue] = {name: list(found[name]) for name in ("controls", "media")}
        return _Made(media_type=_JSON, content=json.dumps(found).encode(), summary=about)

    def validation() -> _Made:
        found = runs.validation(staged)
        about: dict[str, JsonValue] = {
            "is_valid": found.is_valid,
            "warnings": len(found.warnings),
            "notes": len(found.notes),
        }
        return _Made(media_type=_JSON, content=found.model_dump_json().encode(), summary=about)

    return {
        "canonical_data.parquet": canonical,
        "features.parquet": features,
        "feature_scaler.json": scaler,
        "validation_summary.json": validation,
    }


def _tables(found: Trained) -> Mapping[str, Callable[[], _Made]]:
    """Give the tables that can be shown: of a fit that cannot be trusted, no contributions."""
    run_id = found.staged.id
    summary, checks = found.posterior_summary(), found.diagnostics()
    tables: dict[str, Callable[[], _Made]] = {
        "posterior_summary": lambda: _table(summary, as_json(summary_of(run_id, summary))),
        "diagnostics": lambda: _table(checks, as_json(diagnosis_of(found, checks))),
    }
    if found.analysis.answer.diagnostics.converged:
        tables["contributions"] = partial(_contributions, found)
        tables["fitted"] = partial(_fitted, found)
    return tables


def _contributions(found: Trained) -> _Made:
    table = found.contributions("counterfactual", MASS)
    return _table(table, as_json(contributions_of(found, table, "counterfactual", MASS)))


def _fitted(found: Trained) -> _Made:
    table = found.fitted(MASS)
    return _table(table, as_json(fitted_of(found.staged.id, table, MASS)))


def _table(table: "pa.Table", content: bytes) -> _Made:
    return _Made(media_type=_JSON, content=content, summary=_shape(table))


def _parquet(table: "pa.Table") -> _Made:
    return _Made(media_type=_PARQUET, content=parquet_bytes(table), summary=_shape(table))


def _shape(table: "pa.Table") -> Mapping[str, JsonValue]:
    return {"rows": table.num_rows, "columns": list(table.column_names)}


def _posterior(found: Trained, size: int) -> Artifact:
    samples = found.analysis.posterior.samples
    sizes: dict[Any, int] = {} if samples is None else {**samples["posterior"].sizes}
    return Artifact(
        name="posterior.nc",
        media_type=downloads.NETCDF,
        bytes=size,
        url=f"{API}/runs/{found.staged.id}/posterior",
        formats=[],
        summary={"chains": sizes.get("chain", 0), "draws": sizes.get("draw", 0)},
    )


def _artifact(name: str, made: _Made, url: str, *, formats: Sequence[str] = ()) -> Artifact:
    return Artifact(
        name=name,
        media_type=made.media_type,
        bytes=len(made.content),
        url=url,
        formats=list(formats),
        summary=dict(made.summary),
    )


def build() -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/runs/{run_id}/outputs", tags=["marketing mix"])
    router.get(
        "",
        summary="List what can be had of a run",
        responses=pending.documented(),
        openapi_extra=DOWNLOAD,
    )(show_outputs)
    router.get(
        "/{name}",
        summary="Download a file of a run",
        response_class=Response,
        responses=pending.documented() | downloads.documented(_PARQUET, _JSON),
        openapi_extra=DOWNLOAD,
    )(download)
    return router
