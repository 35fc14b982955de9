"""What routes ask for, by name."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic_core import from_json
from starlette.types import Scope

from pymc_vibes.core.errors import BadRequest, NotAllowed, UnsupportedFormat
from pymc_vibes.http.auth import LOCAL, Principal, same_token
from pymc_vibes.http.examples import RUN_ID
from pymc_vibes.http.limits import admit
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SCOPE = "x-scope"
QUESTION = {SCOPE: "read"}
"""Marks an unsafe method that only asks."""
INGESTS = {SCOPE: "ingest"}
"""Marks a route that adds experiments or events."""
RUNS = {SCOPE: "run"}
"""Marks a route that starts, stops or repeats work, or keeps an assignment."""


# these are `async` because the framework would send plain functions through its thread pool
async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


async def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


async def _metrics(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


async def _principal(request: Request) -> Principal:
    found: Principal = getattr(request.state, "principal", LOCAL)
    return found


Name = Annotated[
    str, Path(max_length=200, description="Name of an experiment.", examples=["observations"])
]
RunId = Annotated[str, Path(max_length=100, description="Id of a run.", examples=[RUN_ID])]
Slug = Annotated[
    str, Path(max_length=100, description="Short name of a kind.", examples=["ab-test"])
]
ServiceDep = Annotated[Service, Depends(_service)]
SettingsDep = Annotated[Settings, Depends(_settings)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
PrincipalDep = Annotated[Principal, Depends(_principal)]


def require(scope: Scope, wanted: str) -> Principal:
    """Give the principal, or raise `NotAllowed` where the scope is missing."""
    principal: Principal = scope["state"].get("principal", LOCAL)
    if wanted not in principal.scopes:
        raise NotAllowed(
            f"This needs the scope {wanted!r}; the token carries "
            f"{', '.join(sorted(principal.scopes)) or 'none'}.",
            hint=f"`vibes token create --scope {wanted}` makes one that does.",
        )
    return principal


async def check_access(request: Request) -> AsyncIterator[None]:
    """Deny unless the token's scopes allow the route: the app's own default, so none can forget.

    A safe method needs `read`, any other what its route is marked with, and `admin` without a mark.
    Requests that carry the session cookie must also prove that they come from a form of ours.
    """
    if not request.scope["state"].get("is_open"):
        await _check_scope(request)
    try:
        yield
    finally:
        await request.close()


async def _check_scope(request: Request) -> None:
    principal = require(request.scope, scope_of(request.method, request.scope.get("route")))
    admit(request, principal)
    if principal.via == "cookie" and request.method not in SAFE:
        await _check_form_token(request)


def scope_of(method: str, route: object) -> str:
    """Name the scope that a token needs for a route."""
    if method in SAFE:
        return "read"
    marks = getattr(route, "openapi_extra", None) or {}
    return str(marks.get(SCOPE, "admin"))


async def _check_form_token(request: Request) -> None:
    given = request.headers.get("x-csrf-token")
    kind = request.headers.get("content-type", "")
    if given is None and kind.startswith(("multipart/form-data", "application/x-www-form")):
        # the framework keeps the parsed form for the route; `check_access` closes it at the end
        field = (await request.form()).get("csrf_token")
        given = field if isinstance(field, str) else None
    if given is None or not same_token(given, request.state.csrf_token):
        raise NotAllowed(
            "The form's token is missing or belongs to another session.",
            hint="Load the page again and repeat what you did; programs send a bearer token.",
        )


async def read_object(request: Request) -> dict[str, Any]:
    """Give the JSON object in the body; nothing at all is an empty one."""
    body = await request.body()
    if not body.strip():
        return {}
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedFormat(
            f"The body must be JSON, not {kind[:80]!r}.",
            hint="Send Content-Type: application/json.",
        )
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object, such as {}.")
    return document


JsonObject = Annotated[dict[str, Any], Depends(read_object)]
