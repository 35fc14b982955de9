"""What runs and experiments give as files: pictures, posterior, draws, report, events."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.run import Run
from pymc_vibes.http.tabular import MEDIA_TYPES
from pymc_vibes.http.uploads import FOLDER
from pymc_vibes.service import Analysis, Service
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import numpy as np

type Picture = Literal["json", "png", "svg", "vega"]
type Stream = Literal["json", "ndjson"]
type Export = Literal["csv", "ndjson", "parquet"]
VEGA = "application/vnd.vegalite.v6+json"
NETCDF = "application/x-netcdf"
_SUFFIXES: dict[str, Picture] = {".png": "png", ".svg": "svg", ".json": "json", ".vega": "vega"}
_PIECE = 2000  # draws written at once


def documented(*media: str) -> dict[int | str, dict[str, Any]]:
    """Describe the media types of a download for OpenAPI."""
    return {200: {"description": "The file.", "content": {kind: {} for kind in media}}}


def picture_form(figure: str, form: Picture | None) -> tuple[str, Picture]:
    """Give the figure's name and how to draw it: by `form`, else by the suffix of the name."""
    stem, dot, suffix = figure.rpartition(".")
    told = _SUFFIXES.get(f".{suffix}") if dot else None
    return (stem if told else figure), form or told or "json"


def picture(figure: Figure, form: Picture, *, dark: bool) -> Response:
    """Draw a figure."""
    from pymc_vibes.stats import draw

    if form == "png":
        return Response(draw.to_png(figure, dark=dark), media_type="image/png")
    if form == "svg":
        return Response(draw.to_svg(figure, dark=dark), media_type="image/svg+xml")
    return Response(json.dumps(figure.vega_lite()), media_type=VEGA)


def posterior(analysis: Analysis, settings: Settings, n: int, seed: int) -> Response:
    """Give the tree as a NetCDF file."""
    path = _written(analysis, settings, n, seed)
    return _file(path, NETCDF, f"{analysis.answer.run_id}.nc")


def posterior_bytes(analysis: Analysis, settings: Settings) -> int:
    """Say how large the NetCDF file of a sampled posterior is."""
    path = _written(analysis, settings, 1, 0)
    try:
        return path.stat().st_size
    finally:
        _remove(path)


def _written(analysis: Analysis, settings: Settings, n: int, seed: int) -> Path:
    tree = analysis.posterior.tree(n, seed)
    path = _private(settings) / "posterior.nc"
    try:
        tree.to_netcdf(path)
    except BaseException:
        _remove(path)
        raise
    return path


def samples(
    variable: str, labels: Sequence[str], draws: "np.ndarray", form: Stream, **facts: Any
) -> Response:
    """Give draws `(n, labels)`: one object, or one line per draw."""
    if form == "ndjson":
        return StreamingResponse(_lines(labels, draws), media_type=MEDIA_TYPES["ndjson"])
    columns = {label: draws[:, index].tolist() for index, label in enumerate(labels)}
    body = {**facts, "variable": variable, "n": len(draws), "samples": columns}
    return Response(json.dumps(body, allow_nan=False), media_type="application/json")


def _lines(labels: Sequence[str], draws: "np.ndarray") -> Iterator[bytes]:
    for begin in range(0, len(draws), _PIECE):
        rows = draws[begin : begin + _PIECE].tolist()
        yield "".join(
            f"{json.dumps(dict(zip(labels, row, strict=True)), ensure_ascii=False)}\n"
            for row in rows
        ).encode()


def report(run: Run, analysis: Analysis) -> Response:
    """Give the one-file report."""
    from pymc_vibes.http.report import render_report

    headers = {"Content-Disposition": f'attachment; filename="{run.experiment}-{run.id}.html"'}
    text = render_report(run, analysis)
    return Response(text, media_type="text/html", headers=headers)


def export_response(service: Service, settings: Settings, name: str, form: Export) -> Response:
    """Give every event of an experiment as a file."""
    experiment = service.experiment(name)
    path = _private(settings) / f"events.{form}"
    try:
        service.lake.export(experiment.name, form, path)
    except BaseException:
        _remove(path)
        raise
    return _file(path, MEDIA_TYPES[form], f"{experiment.name}.{form}")


def _private(settings: Settings) -> Path:
    folder = settings.home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=folder))


def _file(path: Path, media: str, name: str) -> Response:
    return FileResponse(
        path, media_type=media, filename=name, background=BackgroundTask(_remove, path)
    )


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()
