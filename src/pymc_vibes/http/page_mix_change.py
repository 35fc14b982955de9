"""What the workbench's forms do: take data in, keep settings, train, stop, list experiments."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.errors import BadConfig, Conflict, RunNotFound, VibesError
from pymc_vibes.core.experiment import Receipt
from pymc_vibes.core.run import Pending, Run, RunState
from pymc_vibes.http import asking, forms, page_mix_settings, view
from pymc_vibes.http.deps import INGESTS, RUNS
from pymc_vibes.http.limits import MAY_RUN, UPLOAD, charge
from pymc_vibes.http.page import Posted, Serving, go, text_of, texts_of
from pymc_vibes.http.page_experiment import receive
from pymc_vibes.http.page_mix import show_front, show_step
from pymc_vibes.http.page_mix_bench import FRONT, KIND, STEPS, address, mix_of, open_bench
from pymc_vibes.http.page_mix_stages import marks_of
from pymc_vibes.http.tabular import table_response
from pymc_vibes.service import Service
from pymc_vibes.service.analysis import new_id

router = APIRouter(default_response_class=HTMLResponse)
_HERE = "/experiments/{name}/workbench"


@router.post(f"{FRONT}/upload", openapi_extra=INGESTS | UPLOAD)
def create(request: Request, service: Serving, form: Posted) -> Response:
    """Make a marketing mix, and take its file in where there is one."""
    made = {name: text_of(form, name) for name in ("name", "display_name")}
    try:
        experiment = service.create(made["name"], KIND, display_name=made["display_name"] or None)
    except VibesError as problem:
        return show_front(request, service, "real", problem=problem, made=made)
    if not _has_file(form):
        return go(f"{address(experiment.name)}/data", fragment="top")
    return _take(request, service, experiment.name, form, receive, "added")


def _has_file(form: FormData) -> bool:
    file = form.get("file")
    return isinstance(file, UploadFile) and bool(file.filename)


@router.post(f"{FRONT}/demo", openapi_extra=INGESTS | UPLOAD)
def make_demo(service: Serving) -> Response:
    """Make the worlds of the demo that are not there."""
    from pymc_vibes.service.demo import build_mixes

    build_mixes(service)
    return go(FRONT, {"workspace": "demo"})


@router.get(f"{FRONT}/sample.csv")
def sample() -> Response:
    """Give the sample as a file, to see what one looks like."""
    import pyarrow as pa

    from pymc_vibes.kinds.marketing_mix import samples

    rows = samples.sample()[1]
    days = rows["period_start"].cast(pa.date32())  # as a person would write them
    at = rows.schema.get_field_index("period_start")
    return table_response(rows.set_column(at, "period_start", days), "csv", samples.SAMPLE)


@router.post(f"{_HERE}/upload", openapi_extra=INGESTS | UPLOAD)
def upload(request: Request, service: Serving, name: str, form: Posted) -> Response:
    """Add the rows of a file, and show what the check says of all of them."""
    return _take(request, service, mix_of(service, name).name, form, receive, "added")


@router.post(f"{_HERE}/replace", openapi_extra=UPLOAD)  # takes rows away: for administrators
def replace(request: Request, service: Serving, name: str, form: Posted) -> Response:
    """Take the rows of a file instead of those there are."""
    return _take(request, service, mix_of(service, name).name, form, _replace, "replaced")


def _take(
    request: Request,
    service: Service,
    name: str,
    form: FormData,
    take: Callable[[Service, str, FormData], Receipt],
    done: str,
) -> Response:
    try:
        receipt = take(service, name, form)
    except VibesError as problem:
        told = {"upload_problem": problem, "uploaded": texts_of(form)}
        return _data(request, service, name, told, status=problem.status)
    if not receipt.replayed:
        request.app.state.metrics.count_rows(KIND, receipt.ingested, receipt.rejected)
    if receipt.rejected or receipt.replayed:
        return _data(request, service, name, {"receipt": receipt, "uploaded": texts_of(form)})
    return go(f"{address(name)}/data", {done: str(receipt.ingested)}, fragment="top")


def _replace(service: Service, name: str, form: FormData) -> Receipt:
    """Take the rows in instead of those there are, once a place of its own has taken all of them.

    Answers to the old rows go with them: an experiment's rows only ever grow.
    """
    old = service.experiment(name)
    trial = service.create(f"trial-{new_id()}", KIND, config=old.config)
    try:
        receive(service, trial.name, form)
    finally:
        service.delete(trial.name)
    if isinstance(file := form.get("file"), UploadFile):
        file.file.seek(0)
    service.delete(old.name)
    service.create(old.name, KIND, display_name=old.display_name, config=old.config)
    return receive(service, old.name, form)


def _data(
    request: Request, service: Service, name: str, told: Mapping[str, Any], *, status: int = 200
) -> Response:
    bench = open_bench(service, name)
    return show_step(request, service, bench, STEPS["data"], status=status, more=told)


@router.post(f"{_HERE}/settings", openapi_extra=MAY_RUN)
def keep_settings(request: Request, service: Serving, name: str, form: Posted) -> Response:
    """Keep the settings, and go on to training where that was asked for."""
    bench = open_bench(service, name)
    experiment, kind = bench.experiment, bench.kind
    posted = {k: v for k, v in texts_of(form).items() if k.startswith(asking.PREFIX)}
    typed = asking.settings_typed(kind, experiment.config, posted)
    try:
        service.configure(experiment.name, forms.read(kind.config, typed, asking.PREFIX))
    except BadConfig as problem:
        groups = page_mix_settings.groups_of(bench, posted, problem)
        told = {"groups": groups, "problem": problem}
        return show_step(
            request, service, bench, STEPS["settings"], status=problem.status, more=told
        )
    if text_of(form, "then") == "train":
        return _train(request, service, experiment.name)
    return go(
        f"{bench.here}/settings", {"kept": ",".join(_roots(typed)) or "nothing"}, fragment="top"
    )


def _roots(typed: dict[str, str]) -> list[str]:
    roots = (name.removeprefix(asking.PREFIX).split(".")[0] for name in typed)
    return list(dict.fromkeys(roots))


@router.post(f"{_HERE}/train", openapi_extra=RUNS | MAY_RUN)
def train(request: Request, service: Serving, name: str) -> Response:
    """Begin to sample the answer; where it is there already, show it."""
    return _train(request, service, mix_of(service, name).name)


def _train(request: Request, service: Service, name: str) -> Response:
    try:
        service.analysis(name)
    except Pending as sampled:
        charge(request, sampled.run)
        return go(f"{address(name)}/train", fragment="top")
    except VibesError as problem:
        bench = open_bench(service, name)
        told = {"problem": problem}
        return show_step(request, service, bench, STEPS["train"], status=problem.status, more=told)
    return go(f"{address(name)}/fit", fragment="top")


@router.get(f"{_HERE}/standing/{{run_id}}")
def standing(request: Request, service: Serving, name: str, run_id: str) -> Response:
    """Show how far a run is; once it is over, send to its answer, or to why there is none."""
    run = _own(service, name, run_id)
    if not run.is_over:
        return view.render(request, "_mix_standing.html", run=run, marks=marks_of(run))
    step = "fit" if run.state is RunState.SUCCEEDED else "train"
    return Response(headers={"HX-Redirect": f"{address(run.experiment)}/{step}"})


@router.post(f"{_HERE}/cancel", openapi_extra=RUNS)
def cancel(service: Serving, name: str, form: Posted) -> Response:
    """Stop a run."""
    run = _own(service, name, text_of(form, "run"))
    with suppress(Conflict):  # it was over before the button was pressed
        service.cancel(run.id)
    return go(f"{address(run.experiment)}/train")


def _own(service: Service, name: str, run_id: str) -> Run:
    experiment, run = mix_of(service, name), service.run(run_id)
    if run.experiment != experiment.name:
        raise RunNotFound(
            f"Run {run.id} is not of {experiment.name}.",
            hint=f"Its runs are at {address(experiment.name)}/train.",
        )
    return run


@router.post(f"{_HERE}/experiments")
def add_experiment(request: Request, service: Serving, name: str, form: Posted) -> Response:
    """Add an experiment to those that calibrate the mix."""
    bench = open_bench(service, name)
    typed = texts_of(form)
    try:
        entry = page_mix_settings.read_entry(typed)
        kept = [*page_mix_settings.entries_of(bench), entry]
        service.configure(bench.experiment.name, {page_mix_settings.EXPERIMENTS: kept})
    except BadConfig as problem:
        told = page_mix_settings.experiments_context(bench, typed, problem)
        return show_step(
            request, service, bench, STEPS["calibration"], status=problem.status, more=told
        )
    return go(f"{bench.here}/calibration", {"kept": "experiments"}, fragment="top")


@router.post(f"{_HERE}/experiments/remove")
def remove_experiment(service: Serving, name: str, form: Posted) -> Response:
    """Take an experiment off the list; its own page and runs stay."""
    bench = open_bench(service, name)
    entries = page_mix_settings.entries_of(bench)
    left = [one for at, one in enumerate(entries) if str(at) != text_of(form, "number")]
    service.configure(bench.experiment.name, {page_mix_settings.EXPERIMENTS: left})
    return go(f"{bench.here}/calibration", {"kept": "experiments"}, fragment="top")
