"""What stands before every route: host, origin, token, size of the body; and the headers after.

- Without authentication only names of this machine are answered to, so that a page whose name was
  rebound to 127.0.0.1 gets nothing.
- An unsafe request that a browser sends from elsewhere (by `Sec-Fetch-Site`, or by an `Origin` that
  is not ours) is refused unless it carries a bearer token, which no browser adds by itself.
- With authentication everything but `OPEN` needs a token or the session cookie. With the cookie an
  unsafe request also carries the form token (`deps.check_access`), derived from the session.
"""

import ipaddress
import re
from collections.abc import Mapping
from functools import cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pymc_vibes.core.errors import BadName, ForeignRequest, TooLarge, VibesError
from pymc_vibes.http import problems
from pymc_vibes.http.auth import COOKIE, LOCAL, Principal, Verifier, csrf_token, missing
from pymc_vibes.settings import Settings

OPEN = frozenset({"/healthz", "/health", "/readyz", "/sign-in"})
OPEN_FOLDER = "/static/"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UPLOADS = re.compile(r"^/ingest$|/(events|upload)$")
_SLASH = "\udc2f"  # stands for an encoded slash while routes are matched; no decoded path holds it
MOST_NAME = 2000  # characters of the name of a cohort or event
# only said, and checked by `given_name`: the framework cannot read a text with `_SLASH` in it
NAME_BOUND = {"maxLength": MOST_NAME}
_STYLE_HASH = Path(__file__).parent / "static" / "vendor" / "CSP-STYLE-HASH.txt"


@cache
def content_policy() -> str:
    """Give the content-security policy; the hash is that of the chart library's own style."""
    hashed = _STYLE_HASH.read_text(encoding="ascii").strip() if _STYLE_HASH.exists() else ""
    style = f" '{hashed}'" if hashed else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'{style}; "
        "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


class Shield:
    """Adds the headers that browsers are told to obey."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._always: Mapping[str, str] = {
            "Content-Security-Policy": content_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_static = scope["path"].startswith(OPEN_FOLDER)
        is_named = b"v=" in scope["query_string"]  # pages name static files by their content

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers[name] = value
                if not is_static:
                    headers.setdefault("Cache-Control", "private, no-cache")
                    headers.add_vary_header("Authorization, Cookie")
                elif message["status"] in {200, 304}:
                    forever = "public, max-age=31536000, immutable"
                    headers["Cache-Control"] = forever if is_named else "public, max-age=3600"
            await send(message)

        await self._app(scope, receive, shielded)


class Gate:
    """Lets a request in, or answers why not."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._verifier = Verifier(settings) if settings.has_auth else None
        self._origins = frozenset(origin.rstrip("/") for origin in settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope)
        except VibesError as error:
            await problems.answer(scope, error)(scope, receive, send)
            return
        limit = self._settings.max_body_bytes
        if _UPLOADS.search(scope["path"]):
            limit = self._settings.max_upload_bytes
        await self._app(_match_names(scope), _limited(scope, receive, limit), send)

    def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["csrf_token"] = ""
        state["is_open"] = is_open(scope["path"])
        bearer = _bearer(headers)
        if self._verifier is None:
            check_host(headers.get("host", ""))
        if scope["method"] not in SAFE and bearer is None:
            check_origin(headers, self._origins)
        state["principal"] = LOCAL if self._verifier is None else None
        if self._verifier is not None:
            self._identify(state, headers, bearer)

    def _identify(self, state: dict[str, object], headers: Headers, bearer: str | None) -> None:
        assert self._verifier is not None  # noqa: S101  # asked for by the one caller
        session = session_of(headers)
        found: Principal | None = None
        try:
            if bearer is not None:
                found = self._verifier.verify(bearer, "bearer")
            elif session:
                found = self._verifier.verify(session, "cookie")
                state["csrf_token"] = csrf_token(session)
        except VibesError:
            if not state["is_open"]:
                raise
        if found is None and not state["is_open"]:
            raise missing()
        state["principal"] = found


def is_open(path: str) -> bool:
    """Whether an address needs no token."""
    return path in OPEN or (path.startswith(OPEN_FOLDER) and ".." not in path)


def check_host(host: str) -> None:
    """Raise `ForeignRequest` unless the name in the address is one of this machine."""
    name = (urlsplit(f"//{host}").hostname or "") if _is_plain(host) else ""
    if name in {"localhost", "testserver"} or name.endswith(".localhost") or _is_loopback(name):
        return
    raise ForeignRequest(
        f"Without authentication this server does not answer to the host name {host[:80]!r}.",
        hint="Use http://127.0.0.1 or http://localhost, or set VIBES_AUTH_SECRET.",
    )


def check_origin(headers: Headers, allowed: frozenset[str]) -> None:
    """Raise `ForeignRequest` where a browser sends an unsafe request from another site."""
    origin = headers.get("origin")
    if origin is not None and origin in allowed:
        return
    site = headers.get("sec-fetch-site", "none")
    same = origin is None or urlsplit(origin).netloc == headers.get("host", "")
    if site in {"cross-site", "same-site"} or not same:
        raise ForeignRequest(
            "The request comes from a page of another site.",
            hint="List that site in VIBES_CORS_ORIGINS, or send a bearer token.",
        )


def session_of(headers: Headers) -> str:
    """Give the session cookie, or nothing."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _is_plain(host: str) -> bool:
    return re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", host) is not None


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    declared = Headers(scope=scope).get("content-length", "")
    seen = int(declared) if declared.isdecimal() and int(declared) > limit else 0

    async def counted() -> Message:
        nonlocal seen
        if seen <= limit:
            message = await receive()
            seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLarge(f"The body is larger than {limit:,} bytes.", limit=limit)
        return message

    return counted


def _match_names(scope: Scope) -> Scope:
    """Keep encoded slashes of cohort and event names from cutting the path."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw or not scope["path"].startswith("/posterior/"):
        return scope
    parts = raw.decode("ascii", "replace").partition("?")[0].split("/")
    return {**scope, "path": "/".join(unquote(part).replace("/", _SLASH) for part in parts)}


def given_name(matched: str) -> str:
    """Give the name that a matched part of a path stands for."""
    if len(matched) > MOST_NAME:
        raise BadName(f"A name has at most {MOST_NAME:,} characters, this one {len(matched):,}.")
    return matched.replace(_SLASH, "/")
