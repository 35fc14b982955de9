"""The workbench of the marketing mix: upload and check, configure, train, then read the answer.

Every step is a page of its own with an address, so that it can be shared, printed and read without
scripts. A step asks the kind's questions by the same forms as everywhere; none is known by name
beyond where it stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.answer import Summary, Table
from pymc_vibes.core.errors import PageNotFound, VibesError
from pymc_vibes.http import asking, page_mix_check, page_mix_settings, view
from pymc_vibes.http import page_mix_parts as parts
from pymc_vibes.http.page import Serving, go
from pymc_vibes.http.page_ask import Asked, put
from pymc_vibes.http.page_experiment import PREVIEWED, ZONES
from pymc_vibes.http.page_mix_bench import (
    FRONT,
    KIND,
    PREPARING,
    READING,
    STANDINGS,
    STEPS,
    Bench,
    Step,
    Workspace,
    open_bench,
    rows_of,
)
from pymc_vibes.http.page_mix_stages import marks_of
from pymc_vibes.http.page_mix_table import table_file
from pymc_vibes.http.pending import address_again
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import Service
from pymc_vibes.service.demo import can_grow
from pymc_vibes.service.worlds import TruthCheck, truth_checks

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A further question on a page, with its answer where it was asked."""

    question: asking.Question
    asked: Asked
    is_open: bool


@router.get(FRONT)
def front(request: Request, service: Serving, workspace: str = "") -> Response:
    """Show the experiments of a workspace, and how to begin."""
    chosen: Workspace = "demo" if workspace == "demo" else "real"
    return show_front(request, service, chosen)


def show_front(
    request: Request,
    service: Service,
    workspace: Workspace,
    *,
    problem: VibesError | None = None,
    made: Mapping[str, str] | None = None,
) -> Response:
    """Render the first page of a workspace."""
    return view.render(
        request,
        "mix_front.html",
        status=problem.status if problem else 200,
        workspace=workspace,
        standings=STANDINGS,
        others=tuple(rows_of(service, workspace)),
        kind=find_kind(KIND),
        bench=None,
        can_grow=workspace == "demo" and can_grow(service),
        problem=problem,
        made=made or {"name": "", "display_name": ""},
    )


@router.get("/experiments/{name}/workbench")
def enter(service: Serving, name: str, run: str = "") -> Response:
    """Send to the step that comes next."""
    bench = open_bench(service, name, run)
    return go(bench.to(next_step(bench)))


def next_step(bench: Bench) -> str:
    """Name the step that somebody who comes in wants."""
    if bench.answer is not None:
        return "fit"
    return "train" if bench.under_way or bench.failed else "data"


@router.get("/experiments/{name}/workbench/{step}")
def show(request: Request, service: Serving, name: str, step: str) -> Response:
    """Show a step; where the address asks a question of it, with the answer."""
    given = dict(request.query_params)
    bench = open_bench(service, name, given.get("run", ""))
    if step not in STEPS:
        raise PageNotFound(
            f"The workbench has no step {step[:40]!r}.",
            hint=f"It has: {', '.join(STEPS)}. Begin at {bench.here}.",
        )
    found = STEPS[step]
    panels = _panels(service, bench, found, given)
    if "table" in given:
        return _file(bench, found, panels, given["table"])
    if view.is_partial(request) and given.get("ask"):
        return _answered(request, bench, panels)
    return show_step(request, service, bench, found, panels=panels, notice=_notice(given))


def _notice(given: Mapping[str, str]) -> str:
    """Say what a form has just done."""
    added, replaced, kept = (given.get(name, "") for name in ("added", "replaced", "kept"))
    if added.isdecimal():
        return f"{int(added):,} row{'' if int(added) == 1 else 's'} added."
    if replaced.isdecimal():
        return f"The rows are now the {int(replaced):,} of this file."
    names = ", ".join(name.replace("_", " ") for name in kept[:500].split(",") if name)
    return f"Kept: {names}." if names else ""


def show_step(
    request: Request,
    service: Service,
    bench: Bench,
    step: Step,
    *,
    panels: tuple[Panel, ...] = (),
    status: int = 200,
    notice: str = "",
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Render a step."""
    context = {
        **_frame(bench, step),
        **_CONTEXTS.get(step.slug, _of_answer)(service, bench, step),
        "panels": panels,
        "again": "",
        "notice": notice,
    }
    template = f"mix_{step.slug}.html"
    return view.render(request, template, status=status, **{**context, **(more or {})})


def _frame(bench: Bench, step: Step) -> dict[str, Any]:
    return {
        "bench": bench,
        "experiment": bench.experiment,
        "kind": bench.kind,
        "workspace": bench.workspace,
        "others": bench.others,
        "standings": STANDINGS,
        "step": step,
        "preparing": PREPARING,
        "reading_steps": READING,
        "answer": bench.answer,
        "here": bench.here,
    }


def _of_answer(_service: Service, bench: Bench, step: Step) -> dict[str, Any]:
    answer = bench.answer
    if answer is None:
        return {"figures": (), "tables_here": (), "grids_here": ()}
    tables = parts.tables_of(answer.summary, step.slug)
    return {
        "figures": parts.figures_of(answer, step.slug),
        "tables_here": tables,
        "grids_here": parts.grids_of(tables, answer.summary),
    }


def _of_fit(service: Service, bench: Bench, step: Step) -> dict[str, Any]:
    shown = _of_answer(service, bench, step)
    answer = bench.answer
    if answer is None:
        return shown
    return {
        **shown,
        "measures_here": parts.measures_of(answer.summary.context) if bench.is_trusted else (),
        "chain_figures": parts.chain_figures_of(answer),
        "parameter_grids": parts.grids_of(parts.parameters_of(answer.summary), answer.summary),
        "truth": _truth(service, bench, answer.run_id),
    }


def _truth(service: Service, bench: Bench, run_id: str) -> tuple[TruthCheck, ...]:
    """Hold the answer against the known truth of a world of the demo."""
    if bench.workspace != "demo" or not bench.is_trusted:
        return ()
    try:
        return truth_checks(service, service.rebuilt(run_id))
    except VibesError:  # made by an earlier version of the kind: the answer stays, its draws do not
        return ()


def _of_calibration(service: Service, bench: Bench, step: Step) -> dict[str, Any]:
    own = page_mix_settings.experiments_context(bench)
    return {**_of_answer(service, bench, step), **own}


def _of_data(service: Service, bench: Bench, _step: Step) -> dict[str, Any]:
    name = bench.experiment.name
    has_rows = bool(bench.experiment.rows)
    return {
        "check": page_mix_check.check(service, bench.experiment) if has_rows else None,
        "preview": service.preview(name, limit=PREVIEWED) if has_rows else None,
        "zones": ZONES,
        "upload_problem": None,
        "receipt": None,
        "uploaded": {},
    }


def _of_train(service: Service, bench: Bench, _step: Step) -> dict[str, Any]:
    has_rows = bool(bench.experiment.rows)
    return {
        "check": page_mix_check.check(service, bench.experiment) if has_rows else None,
        "marks": marks_of(bench.under_way),
        "problem": None,
    }


type _Context = Callable[[Service, Bench, Step], dict[str, Any]]
_CONTEXTS: Mapping[str, _Context] = {
    "data": _of_data,
    "settings": page_mix_settings.context_of,
    "train": _of_train,
    "fit": _of_fit,
    "calibration": _of_calibration,
}


def _panels(
    service: Service, bench: Bench, step: Step, given: Mapping[str, str]
) -> tuple[Panel, ...]:
    if not bench.is_trusted:
        return ()
    known = {query.slug for query in bench.kind.queries}
    return tuple(_panel(service, bench, slug, given) for slug in step.questions if slug in known)


def _panel(service: Service, bench: Bench, slug: str, given: Mapping[str, str]) -> Panel:
    query = bench.kind.query(slug)
    is_here = given.get("ask") == slug
    asked = Asked(typed={}, parameters={})
    if is_here and bench.run is not None:
        run_id = bench.run.id
        asked = put(query, {**given, "asked": "1"}, lambda p: service.ask_run(run_id, slug, p))
    names = {"channel": page_mix_settings.channels_of(bench)}
    return Panel(
        question=asking.question(query, names, asked.typed, asked.problem),
        asked=asked,
        is_open=is_here,
    )


def _answered(request: Request, bench: Bench, panels: tuple[Panel, ...]) -> Response:
    """Give the answer of the question alone, for its place on the page."""
    panel = next((panel for panel in panels if panel.is_open), None)
    if panel is None:
        raise PageNotFound("This question cannot be asked of this run.", hint=f"See {bench.here}.")
    asked = panel.asked
    return view.render(
        request,
        "_asked.html",
        status=asked.problem.status if asked.problem else 200,
        question=panel.question,
        answer=asked.answer,
        problem=asked.problem,
        pending=asked.pending,
        again=address_again(request),
        entries=(),
        report="",
        tables_at=f"{request.url.path}?{request.url.query}",
    )


def _file(bench: Bench, step: Step, panels: tuple[Panel, ...], name: str) -> Response:
    tables: tuple[Table, ...] = ()
    summary: Summary | None = next(
        (panel.asked.answer.summary for panel in panels if panel.asked.answer), None
    )
    if summary is not None:
        tables = summary.tables
    elif bench.answer is not None:
        tables = parts.tables_of(bench.answer.summary, step.slug)
    return table_file(tables, name, bench.experiment.name)
