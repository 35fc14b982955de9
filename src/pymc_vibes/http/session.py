"""Signing in and out with a browser: the token moves into a cookie that scripts cannot read.

The cookie is `HttpOnly` and `SameSite=Lax`, and `Secure` over https. Forms of a session carry a
token derived from it (`auth.csrf_token`), which `deps.check_access` demands.
"""

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from pymc_vibes.core.errors import BadRequest, NotAuthenticated, VibesError
from pymc_vibes.http import view
from pymc_vibes.http.auth import COOKIE, Principal, Verifier
from pymc_vibes.http.deps import QUESTION, read_object

router = APIRouter(include_in_schema=False)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Take a token, set the cookie and go where the person wanted to go."""
    is_form = "json" not in request.headers.get("content-type", "")
    given = dict(await request.form()) if is_form else await read_object(request)
    token, onward = given.get("token"), local(given.get("next"))
    try:
        principal = _principal(request, token)
    except VibesError as problem:
        if not is_form:
            raise
        return view.render(
            request, "sign_in.html", status=problem.status, next=onward, problem=problem
        )
    response = RedirectResponse(onward, 303) if is_form else Response(status_code=204)
    response.set_cookie(
        COOKIE,
        str(token).strip(),
        max_age=max(0, int((principal.expires or 0) - time.time())),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/sign-out", openapi_extra=QUESTION)
async def sign_out(request: Request) -> Response:
    """Drop the cookie."""
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(
        COOKIE, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
    return response


def _principal(request: Request, token: Any) -> Principal:
    settings = request.app.state.settings
    if not settings.has_auth:
        raise BadRequest("This server works without signing in.", hint="Just go on.")
    if not isinstance(token, str) or not token.strip():
        raise NotAuthenticated("The token is missing.", hint="`vibes token create` makes one.")
    return Verifier(settings).verify(token.strip(), "cookie")


def local(address: Any) -> str:
    """Keep an address on this server: a path of ours, never the start of another address."""
    text = address if isinstance(address, str) else "/"
    is_path = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_path and text.isprintable() and "\\" not in text else "/"
