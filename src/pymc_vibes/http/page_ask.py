"""The page of a further question: its form, its answer, and what was kept of it before.

Reading never makes an entry of a journal: GET lists what was kept, `entry` shows one of it.
`report` gives the answer as one file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.errors import QueryNotFound, VibesError
from pymc_vibes.core.kind import JournalQuery, Kind, Query
from pymc_vibes.core.run import Pending, Run
from pymc_vibes.http import asking, forms, view
from pymc_vibes.http.deps import RUNS
from pymc_vibes.http.limits import MAY_RUN, charge
from pymc_vibes.http.page import Posted, Serving, texts_of
from pymc_vibes.http.pending import address_again
from pymc_vibes.http.question_report import Told, download
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import Service

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked, and the answer or what stood in its way."""

    typed: Mapping[str, str]
    parameters: Mapping[str, Any]
    answer: QueryAnswer | None = None
    problem: VibesError | None = None
    pending: Run | None = None


@router.get("/experiments/{name}/ask/{slug}", openapi_extra=MAY_RUN)
def ask(request: Request, service: Serving, name: str, slug: str) -> Response:
    """Show the answer to a further question, or its form while nothing was asked."""
    return _ask(request, service, name, slug, dict(request.query_params))


@router.post("/experiments/{name}/ask/{slug}", openapi_extra=RUNS | MAY_RUN)
def ask_and_keep(
    request: Request, service: Serving, name: str, slug: str, form: Posted
) -> Response:
    """Answer a question whose answers are kept."""
    return _ask(request, service, name, slug, texts_of(form))


@router.get("/kinds/{slug}/ask/{question}")
def ask_kind(request: Request, service: Serving, slug: str, question: str) -> Response:
    """Show the answer to a question that needs no data."""
    kind, given = find_kind(slug), dict(request.query_params)
    query = kind.query(question)
    settings = asking.settings_typed(kind, {}, given)

    def answer(parameters: Mapping[str, Any]) -> QueryAnswer:
        overrides = forms.read(kind.config, settings, asking.PREFIX)
        return service.ask_kind(slug, question, overrides, parameters)

    asked = put(query, given, answer)
    told = Told.of(slug, question)
    if "report" in given and asked.answer is not None:
        return download(asked.answer, told)
    context = {
        "experiment": None,
        "settings": settings,
        "action": f"/kinds/{slug}/ask/{question}",
        "question": asking.question(query, {}, asked.typed, asked.problem),
    }
    return _page(request, kind, asked, context)


def _ask(
    request: Request, service: Service, name: str, slug: str, given: Mapping[str, str]
) -> Response:
    experiment = service.experiment(name)
    kind = find_kind(experiment.kind)
    query = kind.query(slug)
    settings = asking.settings_typed(kind, experiment.config, given)
    reading = asking.read(service, experiment, kind, settings)
    if request.method == "GET" and query.is_kept:
        asked = Asked(
            typed=typed_of(query, given), parameters={}, answer=_kept(service, name, slug, given)
        )
    else:
        asked = put(
            query, given, lambda p: service.ask(experiment.name, slug, p, reading.overrides)
        )
    if "report" in given and asked.answer is not None:
        told = Told.of(kind.slug, slug, experiment.name, asked.parameters, reading.overrides)
        return download(asked.answer, told)
    charge(request, asked.pending or reading.pending)
    is_journal = isinstance(query, JournalQuery)
    context = {
        "experiment": experiment,
        "settings": settings,
        "action": f"/experiments/{view.segment(experiment.name)}/ask/{slug}",
        "question": asking.question(
            query, asking.names_in(reading.analysis), asked.typed, asked.problem
        ),
        "entries": service.entries(experiment.name, slug) if is_journal else (),
    }
    return _page(request, kind, asked, context)


def _kept(service: Service, name: str, slug: str, given: Mapping[str, str]) -> QueryAnswer | None:
    """Give the entry that the address names, if it names one."""
    number = given.get("entry", "")
    if not number:
        return None
    found = {str(one.entry.number): one for one in service.entries(name, slug) if one.entry}
    if number not in found:
        raise QueryNotFound(f"There is no entry {number[:20]!r}; there are {len(found)}.")
    return found[number]


def typed_of(query: Query[Any], given: Mapping[str, str]) -> dict[str, str]:
    """Keep what is given for the parameters of the question."""
    own = query.parameters.model_fields
    return {name: text for name, text in given.items() if name.split(".")[0] in own}


def put(query: Query[Any], given: Mapping[str, str], answer: Any) -> Asked:
    """Ask, where the address asks; a problem becomes part of the page."""
    typed = typed_of(query, given)
    parameters: Mapping[str, Any] = {}
    if not asking.is_asked(given, typed):
        return Asked(typed=typed, parameters=parameters)
    try:
        parameters = forms.read(query.parameters, typed)
        return Asked(typed=typed, parameters=parameters, answer=answer(parameters))
    except VibesError as error:
        return Asked(typed=typed, parameters=parameters, problem=error)
    except Pending as sampled:
        return Asked(typed=typed, parameters=parameters, pending=sampled.run)


def _page(request: Request, kind: Kind[Any], asked: Asked, context: Mapping[str, Any]) -> Response:
    shared: dict[str, Any] = {
        "kind": kind,
        "answer": asked.answer,
        "problem": asked.problem,
        "pending": asked.pending,
        "again": address_again(request),
        "entries": (),
        "report": _report_address(request, asked.answer),
    }
    template = "_asked.html" if view.is_partial(request) else "ask.html"
    status = asked.problem.status if asked.problem else 200
    return view.render(request, template, status=status, **{**shared, **context})


def _report_address(request: Request, answer: QueryAnswer | None) -> str:
    """Say where the answer is as a file; nowhere, where asking again would give another one."""
    if answer is None:
        return ""
    if answer.entry is not None:
        return f"{request.url.path}?entry={answer.entry.number}&report=1"
    return f"{request.url.path}?{request.url.query}&report=1" if request.method == "GET" else ""
