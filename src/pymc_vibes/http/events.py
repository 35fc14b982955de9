"""Following a run: server-sent events, one for each change that its row shows.

Each event is named by the revision of the row, so that whoever lost the connection gets only what
came after. Nothing is queued for a slow reader: when it is ready it gets the run as it is then. A
stream ends with the run, with the server, when its client goes, and after a minute at the latest;
clients come back by themselves.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from pymc_vibes.core.errors import Unavailable
from pymc_vibes.http.deps import RunId, ServiceDep
from pymc_vibes.http.pending import RunLine, line
from pymc_vibes.service import Service

MEDIA_TYPE = "text/event-stream"
LOOK_SECONDS = 0.25  # between two looks at the row
FRESH_SECONDS = 0.2  # streams of one run that look within this time share a look
AGAIN_SECONDS = 2.0  # until the next look at a run table that is away
HEARTBEAT_SECONDS = 15.0  # proxies cut connections that are silent for long
LONGEST_SECONDS = 60.0  # a stream outlives neither its token nor its server by more
MOST = 256  # streams at a time
RETRY_MS = 1000  # until a client comes back
NOTHING_MORE = 204  # tells an EventSource to stay away

type Look = Callable[[], RunLine]


class Streams:
    """The open streams of an app, a bounded number of them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open = 0
        self._looks: dict[str, tuple[float, asyncio.Future[RunLine]]] = {}
        self.is_ending: Callable[[], bool] = lambda: False
        """Whether the server was told to stop."""

    def stream(self, run_id: str, look: Look, told: RunLine | None) -> Response:
        """Answer with what changes from now on, or raise `Unavailable`; `told` is known already."""
        if self._open >= self._most:
            raise Unavailable(
                f"{self._most} clients follow runs already; that is as many as may.",
                hint="Ask for the run itself every few seconds: GET /api/v1/runs/{id}.",
                retry_after=int(AGAIN_SECONDS),
            )
        return _Counted(self, run_id, self._changes(run_id, look, told))

    @contextmanager
    def opened(self, run_id: str) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._looks.pop(run_id, None)  # whoever follows it still looks again

    async def _changes(self, run_id: str, look: Look, told: RunLine | None) -> AsyncIterator[bytes]:
        yield format_sse_event(retry=RETRY_MS)
        ends = time.monotonic() + LONGEST_SECONDS
        silent_since = time.monotonic()
        while not self.is_ending() and time.monotonic() < ends:
            seen = await self._look(run_id, look) or told
            if seen != told and seen is not None:
                yield _event(seen)
                told, silent_since = seen, time.monotonic()
            if told is not None and told.is_over:
                return
            if time.monotonic() - silent_since >= HEARTBEAT_SECONDS:
                yield KEEPALIVE_COMMENT
                silent_since = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, run_id: str, look: Look) -> RunLine | None:
        """Look at the run without holding up the loop; None where the run table is away."""
        now = time.monotonic()
        begun, found = self._looks.get(run_id, (-FRESH_SECONDS, None))
        if found is None or now - begun >= FRESH_SECONDS:
            found = asyncio.ensure_future(run_in_threadpool(look))
            self._looks[run_id] = now, found
        try:
            return await asyncio.shield(found)  # others wait for it as well
        except Unavailable:
            await asyncio.sleep(AGAIN_SECONDS)
            return None


class _Counted(StreamingResponse):
    """A stream that counts while it is open."""

    media_type = MEDIA_TYPE

    def __init__(self, streams: Streams, run_id: str, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, headers={"X-Accel-Buffering": "no"})
        self._streams = streams
        self._run_id = run_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        with self._streams.opened(self._run_id):
            await super().__call__(scope, receive, send)


def _event(seen: RunLine) -> bytes:
    name = "end" if seen.is_over else "progress"
    return format_sse_event(data_str=seen.model_dump_json(), event=name, id=str(seen.revision))


def looked(service: Service, run_id: str) -> RunLine:
    """Give the run as it stands, and its place among the others."""
    run = service.run(run_id)
    return line(run, service.place(run))


Seen = Annotated[
    int | None,
    Query(ge=0, le=2**53, description="The last event that is known; the header says the same."),
]
SeenHeader = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=100, description="As browsers send it by themselves."),
]


async def follow_run(
    request: Request,
    service: ServiceDep,
    run_id: RunId,
    last_event_id: Seen = None,
    last_event: SeenHeader = None,
) -> Response:
    """Follow a run by server-sent events: as it is now, then each change; the last one is `end`.

    The data of an event is what a list says of the run, its id the run's revision. Who names the
    last event that is known gets only what came after it: nothing at all (204) where that was the
    end. A stream is cut after a minute; come back with the last id, as browsers do by themselves.
    """
    known = int(last_event) if last_event and last_event.isdecimal() else last_event_id
    now = await run_in_threadpool(looked, service, run_id)
    is_known = known is not None and now.revision <= known
    if is_known and now.is_over:
        return Response(status_code=NOTHING_MORE)
    streams: Streams = request.app.state.streams
    return streams.stream(run_id, lambda: looked(service, run_id), now if is_known else None)


def route(router: APIRouter, path: str) -> None:
    """Add the route."""
    router.get(path, summary="Follow a run", response_class=Response, responses=documented())(
        follow_run
    )


def documented() -> dict[int | str, dict[str, Any]]:
    """Describe the events for OpenAPI."""
    example = {"event": "progress", "id": "7", "data": '{"id": "01h...", "state": "running"}'}
    fields = {
        "event": {"enum": ["progress", "end"]},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    }
    event = {"type": "object", "description": "One event.", "properties": fields}
    return {
        200: {
            "description": "Events `progress` and, once, `end`; the data is a run in short.",
            "content": {MEDIA_TYPE: {"schema": event, "example": example}},
        },
        NOTHING_MORE: {"description": "The run is over, and its end is known already."},
    }
