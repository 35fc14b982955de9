"""What every page module needs: the service, the posted form, the redirect after a change."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pymc_vibes.http import view
from pymc_vibes.service import Service


async def service_of(request: Request) -> Service:
    """Give the service of this server."""
    service: Service = request.app.state.service
    return service


async def form_of(request: Request) -> AsyncIterator[FormData]:
    """Read the form that was posted, and let go of its files at the end."""
    limit = request.app.state.settings.max_body_bytes
    async with request.form(max_part_size=limit) as form:
        yield form


Serving = Annotated[Service, Depends(service_of)]
Posted = Annotated[FormData, Depends(form_of)]


def text_of(form: FormData, name: str) -> str:
    """Give a field's text; empty where it is missing or a file."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def texts_of(form: FormData) -> dict[str, str]:
    """Give every field that holds text."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def go(path: str, query: Mapping[str, str] | None = None, *, fragment: str = "") -> Response:
    """Send the browser on with GET."""
    asked = f"?{urlencode(query)}" if query else ""
    place = f"#{fragment}" if fragment else ""
    return RedirectResponse(f"{path}{asked}{place}", status_code=303)


def to_experiment(name: str, query: Mapping[str, str] | None = None) -> Response:
    """Send the browser to the top of an experiment's page, wherever on it the form was."""
    return go(f"/experiments/{view.segment(name)}", query, fragment="top")
