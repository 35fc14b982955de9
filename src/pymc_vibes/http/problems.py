"""Errors as RFC 9457 problem documents: the same shape for whatever went wrong, wherever.

A person who navigates with a browser gets the same problem as a page.
"""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from pymc_vibes.core.errors import (
    BadConfig,
    BadRequest,
    MethodNotAllowed,
    NotAllowed,
    NotAuthenticated,
    PageNotFound,
    TooLarge,
    UnsupportedFormat,
    VibesError,
)
from pymc_vibes.service.secrets import Redactor

MEDIA_TYPE = "application/problem+json"
_BY_STATUS: dict[int, type[VibesError]] = {
    400: BadRequest,
    403: NotAllowed,
    404: PageNotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedFormat,
}


class Problem(BaseModel):
    """A problem document, RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Address of the page about this problem.")
    title: str = Field(description="What it is, in words; the same for every case of it.")
    status: int = Field(description="The HTTP status, again.")
    detail: str = Field(description="What happened here, and what to do about it.")
    hint: str | None = Field(None, description="The next step.")
    instance: str | None = Field(None, description="The address that was asked.")
    request_id: str | None = Field(None, description="What to quote; it stands in the log.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe problem answers for OpenAPI."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: a problem document.",
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def instance(scope: Scope) -> str:
    """Give the address that was asked, as it was sent."""
    raw: bytes | None = scope.get("raw_path")
    if raw:
        return raw.partition(b"?")[0].decode("ascii", "replace")
    return quote(str(scope.get("path", "/")).encode("utf-8", "replace"))


def answer(scope: Scope, error: VibesError) -> Response:
    """Give the problem as JSON, or as a page to a person who navigates."""
    error = _without_secrets(scope, error)
    if is_navigation(scope):
        return _page(scope, error)
    body = error.problem() | {"instance": instance(scope)}
    request_id = scope.get("state", {}).get("request_id")
    if request_id:
        body["request_id"] = request_id
    text = json.dumps(body, default=str, allow_nan=False).encode()
    return Response(text, error.status, _headers(error), MEDIA_TYPE)


def _without_secrets(scope: Scope, error: VibesError) -> VibesError:
    """Take out what a library may have said of our settings when it failed."""
    redactor: Redactor = scope["app"].state.redactor
    detail, hint = redactor.value(error.detail), redactor.value(error.hint)
    return type(error)(detail, hint=hint, **redactor.value(error.extras))


def is_navigation(scope: Scope) -> bool:
    """Whether a person's browser asks for a page."""
    headers = dict(scope["headers"])
    path = str(scope["path"])
    accept = headers.get(b"accept", b"")
    return b"text/html" in accept and not path.startswith("/api/")


def _headers(error: VibesError) -> dict[str, str]:
    headers = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="pymc-vibes"'
    if "retry_after" in error.extras:
        headers["Retry-After"] = str(error.extras["retry_after"])
    if "allow" in error.extras:
        headers["Allow"] = str(error.extras["allow"])
    return headers


def _page(scope: Scope, error: VibesError) -> Response:
    from pymc_vibes.http.view import render_problem

    if isinstance(error, NotAuthenticated) and scope["method"] == "GET":
        return RedirectResponse(f"/sign-in?next={quote(instance(scope), safe='')}", 303)
    return render_problem(Request(scope), error, headers=_headers(error))


def install(app: FastAPI) -> None:
    """Teach the app to answer every error as a problem."""
    app.add_exception_handler(VibesError, _on_ours)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, VibesError)  # noqa: S101  # what it was registered for
    return answer(request.scope, error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what it was registered for
    if isinstance(error.__cause__, VibesError):  # raised while the framework read the body
        return answer(request.scope, error.__cause__)
    return answer(request.scope, _translate(error, request))


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it was registered for
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return answer(request.scope, BadRequest("The body is not JSON."))
    fields = [
        {"field": ".".join(str(part) for part in item["loc"][1:]) or "body", "reason": item["msg"]}
        for item in found
    ]
    detail = "; ".join(f"{field['field']}: {field['reason']}" for field in fields[:5])
    return answer(request.scope, BadConfig(f"{detail}.", fields=fields))


def _translate(error: HTTPException, request: Request) -> VibesError:
    where = instance(request.scope)[:200]
    if error.status_code == HTTPStatus.NOT_FOUND:
        return PageNotFound(f"There is nothing at {where}.", hint="/docs lists every address.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allow = _methods(request) or (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(
            f"{where} does not take {request.method}; it takes {allow or 'other methods'}.",
            allow=allow,
        )
    cls = _BY_STATUS.get(error.status_code, BadRequest)
    return cls(str(error.detail).rstrip(".") + ".")


def _methods(request: Request) -> str:
    """Name every method of the address: the router knows only those of the first route there."""
    template = getattr(request.scope.get("route"), "path_format", "")
    return ", ".join(sorted(request.app.openapi()["paths"].get(template, {}))).upper()
