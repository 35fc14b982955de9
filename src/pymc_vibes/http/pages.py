"""The pages: the list of experiments, sign-in; the rest is in modules of its own.

Pages call the service and print what it gives. They are written for the server: every form works
without JavaScript, and everything a page shows can be asked for by its address.
"""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.errors import ExperimentExists, VibesError
from pymc_vibes.http import (
    overview,
    page_ask,
    page_experiment,
    page_kinds,
    page_mix,
    page_mix_change,
    page_rates,
    page_reproduction,
    page_runs,
    view,
)
from pymc_vibes.http.deps import INGESTS
from pymc_vibes.http.limits import UPLOAD
from pymc_vibes.http.page import Posted, Serving, go, text_of, to_experiment
from pymc_vibes.service import Service

ROWS = 200  # of a list on one page; the rest is one search or one click away
_BLANK: Mapping[str, str] = {"name": "", "kind": "", "display_name": ""}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
router.include_router(page_ask.router)
router.include_router(page_experiment.router)
router.include_router(page_kinds.router)
router.include_router(page_mix.router)
router.include_router(page_mix_change.router)
router.include_router(page_rates.router)
router.include_router(page_runs.router)
router.include_router(page_reproduction.router)


@router.get("/")
def home(
    request: Request,
    service: Serving,
    q: str = "",
    kind: str = "",
    reading: str = "",
    order: str = "updated",
    show: str = "",
    name: str = "",
) -> Response:
    """Show the experiments; the form for a new one holds the name given."""
    asked = {"q": q[:200], "kind": kind, "reading": reading, "order": order, "show": show}
    return _home(request, service, asked, made={**_BLANK, "name": name[:64]})


def _home(
    request: Request,
    service: Service,
    asked: dict[str, str],
    *,
    problem: VibesError | None = None,
    made: Mapping[str, str] = _BLANK,
) -> Response:
    every = overview.rows(service.experiments(), service.latest())
    found = overview.select(
        every,
        search=asked["q"],
        kind=asked["kind"],
        reading=asked["reading"],
        order=asked["order"],
    )
    is_cut = len(found) > ROWS and asked["show"] != "all"
    kinds = service.kinds()
    return view.render(
        request,
        "home.html",
        status=problem.status if problem else 200,
        rows=found[:ROWS] if is_cut else found,
        found=len(found),
        total=len(every),
        more=f"/?{request.url.include_query_params(show='all').query}" if is_cut else "",
        asked=asked,
        kinds=kinds,
        titles={kind.slug: kind.title for kind in kinds},
        readings=overview.READINGS,
        orders=overview.ORDERS,
        problem=problem,
        made=made,
    )


@router.post("/experiments", openapi_extra=INGESTS)
def create(request: Request, service: Serving, form: Posted) -> Response:
    """Create an experiment and go to its page."""
    made = {name: text_of(form, name) for name in _BLANK}
    try:
        experiment = service.create(
            made["name"], made["kind"], display_name=made["display_name"] or None
        )
    except VibesError as problem:
        asked = {"q": "", "kind": "", "reading": "", "order": "updated", "show": ""}
        return _home(request, service, asked, problem=problem, made=made)
    return to_experiment(experiment.name)


@router.get("/experiments")
def experiments() -> Response:
    """Send to the list, which is the home page."""
    return go("/")


@router.post("/example", openapi_extra=INGESTS | UPLOAD)
def example(service: Serving, form: Posted) -> Response:
    """Simulate a world of one kind, or of every kind, and show it; once made it is kept."""
    slug = text_of(form, "kind")
    wanted = [slug] if slug else [kind.slug for kind in service.kinds()]
    made = [_example(service, each) for each in wanted]
    return to_experiment(made[0]) if slug else go("/")


def _example(service: Service, slug: str) -> str:
    from pymc_vibes.service.worlds import example_world

    try:
        return example_world(service, slug).name
    except ExperimentExists:
        return f"demo-{slug}"


@router.get("/sign-in")
def sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002  # the parameter's name
    """Ask for a token."""
    return view.render(request, "sign_in.html", next=next, problem=None)
