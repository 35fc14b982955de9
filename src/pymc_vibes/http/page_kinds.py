"""The pages of the kinds: what each answers, how, from which columns and settings."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

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
