"""Strong entity tags: what was read once need not be sent again."""

from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TAGGED = ("application/json", "application/vnd.", "image/")
MOST = 4 * 2**20  # bytes; larger answers are downloads and go out as they come


class Tags:
    """Names a read answer by its bytes, and answers 304 to whoever holds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_tagged(message):
                held = message
                return
            if held is None:
                await send(message)
                return
            start, held = held, None
            whole = not message.get("more_body", False)
            if whole and _tag(start, message.get("body", b""), scope):
                message = {**message, "body": b""}
            await send(start)
            await send(message)

        await self._app(scope, receive, tagged)


def _is_tagged(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    size = headers.get("content-length")
    is_small = size is not None and int(size) <= MOST
    kind = headers.get("content-type", "")
    return bool(
        start["status"] == 200 and is_small and kind.startswith(_TAGGED) and "etag" not in headers
    )


def _tag(start: Message, body: bytes, scope: Scope) -> bool:
    """Set the tag; turn the answer into 304 where the client holds it already."""
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = tag
    known = Headers(scope=scope).get("if-none-match", "")
    held = {part.strip().removeprefix("W/") for part in known.split(",")}
    if tag not in held and "*" not in held:
        return False
    start["status"] = 304
    del headers["content-length"]
    del headers["content-type"]
    return True
