"""The pages of the kinds: what each answers, how, from which columns and settings."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.errors import VibesError
from pymc_vibes.http import asking, forms, view
from pymc_vibes.http.page import Serving
from pymc_vibes.kinds import find_kind

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/kinds")
def kinds(request: Request, service: Serving) -> Response:
    """List the kinds."""
    return view.render(request, "kinds.html", kinds=service.kinds())


@router.get("/kinds/{slug}")
def kind(request: Request, slug: str) -> Response:
    """Show one kind."""
    found = find_kind(slug)
    context: dict[str, Any] = {
        "kind": found,
        "settings": forms.fields(found.config, asking.settings_of(found, {})),
        "questions": asking.questions(found, {}),
    }
    return view.render(request, "kind.html", **context)


@router.get("/kinds/{slug}/ask/{question}")
def ask(request: Request, service: Serving, slug: str, question: str) -> Response:
    """Show the answer to a question that needs no data."""
    found = find_kind(slug)
    query = found.query(question)
    given = dict(request.query_params)
    typed = {k: v for k, v in given.items() if k.split(".")[0] in query.parameters.model_fields}
    settings = asking.settings_typed(found, {}, given)
    answer, problem = None, None
    if asking.is_asked(given, typed):
        try:
            parameters = forms.read(query.parameters, typed)
            overrides = forms.read(found.config, settings, asking.PREFIX)
            answer = service.ask_kind(slug, question, overrides, parameters)
        except VibesError as error:
            problem = error
    context: dict[str, Any] = {
        "experiment": None,
        "kind": found,
        "settings": settings,
        "action": f"/kinds/{slug}/ask/{question}",
        "question": asking.question(query, {}, typed, problem),
        "answer": answer,
        "problem": problem,
        "pending": None,
    }
    template = "_asked.html" if view.is_partial(request) else "ask.html"
    return view.render(request, template, status=problem.status if problem else 200, **context)
