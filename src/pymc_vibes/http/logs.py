"""One line per request, and the last catch: what nobody foresaw becomes a problem and a log entry.

Every app has a logger of its own, so that the command line, which runs one in its own process, can
keep it quiet. Queries and headers are not logged: they may hold secrets.
"""

import re
from time import perf_counter

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pymc_vibes.core.errors import InternalFault, VibesError
from pymc_vibes.http import problems
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.service.logs import Log

_SAFE_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_RUN = re.compile(r"^/(?:api/v1/)?runs/([^/?#]+)")
_QUIET = frozenset({"/healthz", "/health", "/readyz", "/metrics"})


class RequestLog:
    """Names, times, logs and counts each request; answers what nobody foresaw."""

    def __init__(self, app: ASGIApp, log: Log, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status, run_id = 0, None

        async def noted(message: Message) -> None:
            nonlocal status, run_id
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                run_id = _run_id(scope, headers.get("location", ""))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, noted)
            except Exception as error:  # noqa: BLE001  # the edge of this surface
                await self._mend(error, scope, receive, noted, began=status)
            self._note(scope, status, perf_counter() - began, run_id)

    async def _mend(
        self, error: Exception, scope: Scope, receive: Receive, send: Send, *, began: int
    ) -> None:
        self._log.error("request_broke", path=problems.instance(scope), exc_info=error)
        if began:
            raise error  # half an answer is out: the connection must be cut, not completed
        problem = error if isinstance(error, VibesError) else _FAULT
        await problems.answer(scope, problem)(scope, receive, send)

    def _note(self, scope: Scope, status: int, seconds: float, run_id: str | None) -> None:
        template = getattr(scope.get("route"), "path_format", None) or "(none)"
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.latency.labels(method, template, str(status)).observe(seconds)
        write = self._log.debug if scope["path"] in _QUIET else self._log.info
        write(
            "request",
            method=scope["method"],
            path=problems.instance(scope)[:300],
            route=template,
            status=status,
            ms=round(seconds * 1000, 2),
            **({"run_id": run_id} if run_id else {}),
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAULT = InternalFault(
    "Something broke on our side; the log says what.",
    hint="Report it with the request id; what you sent was not the fault.",
)


def _run_id(scope: Scope, location: str) -> str | None:
    """Give the run that a request is about, or that it began."""
    named: str | None = scope.get("path_params", {}).get("run_id")
    found = _RUN.match(location)
    run_id = found[1] if found else named
    return run_id if run_id and _SAFE_ID.match(run_id) else None


def _request_id(scope: Scope) -> str:
    from ulid import ULID

    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SAFE_ID.match(given) else str(ULID()).lower()
