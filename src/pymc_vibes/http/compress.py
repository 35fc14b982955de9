"""Smaller pages on the wire: gzip for what a browser shows, and for nothing else.

Downloads and answers of the API go out as they are: most are small or compressed already, and
their entity tags stay strong.
"""

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pymc_vibes.http.problems import is_navigation

SMALLEST = 1000  # bytes; below this the header costs more than is won
LEVEL = 6  # one per cent larger than the best, in half the time


class Compress:
    """Compresses pages, parts of pages and static files."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressed = GZipMiddleware(app, minimum_size=SMALLEST, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if not _is_shown(scope):
            await self._plain(scope, receive, send)
            return

        async def weakened(message: Message) -> None:
            if message["type"] == "http.response.start":
                _weaken(MutableHeaders(scope=message))
            await send(message)

        await self._compressed(scope, receive, weakened)


def _weaken(headers: MutableHeaders) -> None:
    """Say that a compressed file equals the plain one in meaning, not in bytes."""
    tag = headers.get("etag", "")
    if "content-encoding" in headers and tag.startswith('"'):
        headers["etag"] = f"W/{tag}"


def _is_shown(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    is_part = any(name == b"hx-request" for name, _ in scope["headers"])
    return is_part or is_navigation(scope) or scope["path"].startswith("/static/")
