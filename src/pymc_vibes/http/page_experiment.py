"""An experiment's page: its answer first, then what it rests on, then what one can do with it."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, BadRequest, VibesError
from pymc_vibes.core.experiment import Receipt, UploadOptions
from pymc_vibes.http import asking, forms, view
from pymc_vibes.http.deps import INGESTS
from pymc_vibes.http.limits import MAY_RUN, UPLOAD, charge
from pymc_vibes.http.page import Posted, Serving, go, text_of, texts_of, to_experiment
from pymc_vibes.http.text import readable
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import Service

PREVIEWED = 50  # rows of events on the page
LISTED_RUNS = 10
CHUNK = 1 << 20
ZONES = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)

router = APIRouter(default_response_class=HTMLResponse)
type SnapshotId = Annotated[int | None, Query(ge=0)]


@router.get("/experiments/{name}", openapi_extra=MAY_RUN)
def show(
    request: Request,
    service: Serving,
    name: str,
    snapshot: SnapshotId = None,
    added: Annotated[int | None, Query(ge=0)] = None,
    cleared: Annotated[int | None, Query(ge=0)] = None,
    settled: str = "",
) -> Response:
    """Show an experiment with its answer under the settings of the address."""
    experiment = service.experiment(name)
    kind = find_kind(experiment.kind)
    given = {k: v for k, v in request.query_params.items() if k.startswith(asking.PREFIX)}
    typed = asking.settings_typed(kind, experiment.config, given)
    if typed != given:  # the address keeps what differs and nothing else, so that it can be read
        pinned = {} if snapshot is None else {"snapshot": str(snapshot)}
        return to_experiment(experiment.name, {**typed, **pinned})
    reading = asking.read(service, experiment, kind, typed, snapshot)
    notice = []
    if added is not None:
        notice.append(f"{added:,} row{'' if added == 1 else 's'} added.")
    if cleared is not None:
        notice.append(f"{cleared:,} remembered answer{'' if cleared == 1 else 's'} forgotten.")
    for field in settled.split(","):
        if field in experiment.config:
            value = readable(experiment.config[field])
            notice.append(f"This first upload settled {field.replace('_', ' ')}: {value}.")
    return _page(request, service, reading, notice=" ".join(notice))


def _page(request: Request, service: Service, reading: asking.Reading, **more: Any) -> Response:
    experiment, problem = reading.experiment, reading.problem
    charge(request, reading.pending)
    analysis = reading.analysis
    if analysis:
        request.app.state.metrics.count_answer(analysis.answer)
    context: dict[str, Any] = {
        "reading": reading,
        "experiment": experiment,
        "kind": reading.kind,
        "answer": analysis.answer if analysis else None,
        "truth": _truth(service, reading),
        "questions": asking.questions(
            reading.kind,
            asking.names_in(analysis),
            on=asking.WITH_DATA if analysis else asking.WITHOUT_DATA,
        ),
        "preview": service.preview(experiment.name, limit=PREVIEWED) if experiment.rows else None,
        "runs": service.history(experiment.name, limit=LISTED_RUNS),
        "command": asking.command_line(experiment.name, reading.overrides),
        "curl": asking.request_line(
            reading, view.origin_of(request), guarded=request.app.state.settings.has_auth
        ),
        "zones": ZONES,
        "notice": "",
        "receipt": None,
        "upload_problem": None,
        "uploaded": {},
    }
    status = problem.status if isinstance(problem, BadConfig) else 200
    return view.render(request, "experiment.html", **{"status": status, **context, **more})


def _truth(service: Service, reading: asking.Reading) -> tuple[Any, ...]:
    from pymc_vibes.service.worlds import truth_checks

    return truth_checks(service, reading.analysis) if reading.analysis else ()


@router.get("/experiments/{name}/data")
def data(
    request: Request,
    service: Serving,
    name: str,
    offset: Annotated[int, Query(ge=0, le=10**12)] = 0,
) -> Response:
    """Show events, a page at a time."""
    experiment = service.experiment(name)
    preview = service.preview(experiment.name, limit=PREVIEWED, offset=offset)
    return view.render(
        request,
        "data.html",
        experiment=experiment,
        preview=preview,
        offset=offset,
        step=PREVIEWED,
    )


@router.post("/experiments/{name}/upload", openapi_extra=INGESTS | UPLOAD)
def upload(request: Request, service: Serving, name: str, form: Posted) -> Response:
    """Add the events of a file or of pasted text."""
    experiment = service.experiment(name)
    try:
        receipt = receive(service, experiment.name, form)
    except VibesError as problem:
        return _told(request, service, name, form, upload_problem=problem, status=problem.status)
    if not receipt.replayed:
        counts = receipt.ingested, receipt.rejected
        request.app.state.metrics.count_rows(experiment.kind, *counts)
    if receipt.rejected or receipt.replayed:
        return _told(request, service, name, form, receipt=receipt)
    settled = {"settled": ",".join(receipt.decided)} if receipt.decided else {}
    return to_experiment(experiment.name, {"added": str(receipt.ingested), **settled})


def _told(request: Request, service: Service, name: str, form: FormData, **more: Any) -> Response:
    experiment = service.experiment(name)
    kind = find_kind(experiment.kind)
    reading = asking.read(service, experiment, kind, {})
    return _page(request, service, reading, uploaded=texts_of(form), **more)


def receive(service: Service, name: str, form: FormData) -> Receipt:
    """Take the events of a posted file or of pasted text in, or raise what is wrong with them."""
    options = _upload_options(form)
    file, pasted = form.get("file"), text_of(form, "pasted")
    is_file = isinstance(file, UploadFile) and bool(file.filename)
    if is_file == bool(pasted):
        raise BadRequest(
            "Choose a file or paste text, not both." if pasted else "There is no file and no text.",
            hint="CSV, NDJSON, JSON and Parquet files are read; pasted text may be CSV or JSON.",
        )
    with tempfile.TemporaryDirectory(prefix="vibes-upload-") as folder:
        path = Path(folder) / "events"
        if isinstance(file, UploadFile) and is_file:
            with path.open("wb") as copy:
                while chunk := file.file.read(CHUNK):
                    copy.write(chunk)
            return service.upload(name, path, options, filename=file.filename)
        path.write_text(f"{pasted}\n", encoding="utf-8")
        return service.upload(name, path, options)


def _upload_options(form: FormData) -> UploadOptions:
    texts = texts_of(form)
    mapping = {
        field.removeprefix("column."): tuple(
            part.strip() for part in text.split(",") if part.strip()
        )
        for field, text in texts.items()
        if field.startswith("column.") and text.strip()
    }
    constants = {
        field.removeprefix("constant."): text.strip()
        for field, text in texts.items()
        if field.startswith("constant.") and text.strip()
    }
    return parse(
        UploadOptions,
        {
            "format": text_of(form, "format") or None,
            "mapping": mapping,
            "constants": constants,
            "timezone": text_of(form, "timezone") or "UTC",
            "skip_bad_rows": "skip_bad_rows" in form,
            "idempotency_key": text_of(form, "idempotency_key") or None,
        },
    )


@router.post("/experiments/{name}/settings")
def keep_settings(service: Serving, name: str, form: Posted) -> Response:
    """Make the settings of this reading the experiment's own."""
    experiment = service.experiment(name)
    kind = find_kind(experiment.kind)
    typed = asking.settings_typed(kind, experiment.config, texts_of(form))
    service.configure(experiment.name, forms.read(kind.config, typed, asking.PREFIX))
    return to_experiment(experiment.name)


@router.post("/experiments/{name}/clear-cache")
def clear_cache(service: Serving, name: str) -> Response:
    """Forget the remembered answers."""
    cleared = service.clear_cache(name)
    return to_experiment(service.experiment(name).name, {"cleared": str(cleared)})


@router.get("/experiments/{name}/delete")
def ask_to_delete(request: Request, service: Serving, name: str) -> Response:
    """Ask for the name before an experiment is deleted."""
    experiment = service.experiment(name)
    return view.render(request, "delete.html", experiment=experiment, problem=None)


@router.post("/experiments/{name}/delete")
def delete(request: Request, service: Serving, name: str, form: Posted) -> Response:
    """Delete an experiment whose name was typed."""
    experiment = service.experiment(name)
    if text_of(form, "confirm").lower() != experiment.name:
        problem = BadRequest(
            "The name typed is another one; nothing was deleted.",
            hint=f"Type {experiment.name} to delete it.",
        )
        return view.render(
            request, "delete.html", status=422, experiment=experiment, problem=problem
        )
    service.delete(experiment.name)
    return go("/")
