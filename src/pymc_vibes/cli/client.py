"""The one way from a command to an answer: HTTP, over a socket or straight into the app.

A problem document comes back as the `VibesError` it was, so that exit codes and sentences are the
same wherever the work is done. An answer that is being sampled is waited for and asked for again.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from pymc_vibes.cli import pipes
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.core.errors import (
    BadConfig,
    InternalFault,
    ServerUnreachable,
    VibesError,
    from_problem,
)
from pymc_vibes.http.commands import how_to_start
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import httpx2

    from pymc_vibes.service import Service

CHUNK = 1 << 20
CONNECT_SECONDS = 10.0
# an upload or a fit may take as long as it takes; Ctrl-C ends it
READ_SECONDS = None
PENDING = 202
_HOST = re.compile(r"[\w.-]+(:\d+)?/?")
SILENT_SECONDS = 40.0  # a stream of events says every 15 seconds that it is there


class Client:
    """Requests to the server of the settings, or to the app in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._http: httpx2.AsyncClient | None = None
        self._service: Service | None = None
        self.followed: set[str] = set()
        """The runs that were waited for here: their answers are new to whoever asked."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections, and the lake where it was opened here."""
        if self._http is not None:
            self._wait(self._http.aclose())
        if self._service is not None:
            self._service.close()
        self._wait(self._loop.shutdown_asyncgens())
        self._loop.close()

    def get(self, path: str, **query: Any) -> Any:
        """GET JSON."""
        return self.request("GET", path, query=query).json()

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST JSON, get JSON."""
        return self.request("POST", path, query=query, json=body).json()

    def raw(self, path: str, **query: Any) -> bytes:
        """GET bytes."""
        return self.request("GET", path, query=query).content

    @property
    def is_remote(self) -> bool:
        """Whether a server answers, rather than this process."""
        return bool(self._settings.url)

    def lines(self, path: str, last_event: str = "") -> Iterator[str]:
        """GET a stream of events line by line: what came after the last one that is known."""
        headers = {"Accept": "text/event-stream"}
        if last_event:
            headers["Last-Event-ID"] = last_event
        response = self._wait(self._open(path, headers))
        lines = _lines(response)
        try:
            while (line := self._step(_next(lines))) is not None:
                yield line
        finally:
            self._wait(_hang_up(lines, response))

    def upload(
        self, path: str, file: Path, *, headers: Mapping[str, str], query: Mapping[str, Any]
    ) -> Any:
        """POST a file, streamed."""
        return self.request("POST", path, query=query, content=file, headers=headers).json()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: Path | None = None,
        headers: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> "httpx2.Response":
        """Send one request; raise the problem that comes back as the error it is.

        What is being sampled is waited for, unless `wait` is false: then it comes back as 202.
        """
        wanted = {key: value for key, value in (query or {}).items() if value is not None}
        body: dict[str, Any] = {} if json is None else {"json": json}
        if content is not None:
            body = {"content": _chunks(content)}
        while True:
            with pipes.hang_ups_are_errors():
                response = self._wait(
                    self._send(method, path, params=wanted, headers=dict(headers or {}), **body)
                )
            if response.status_code != PENDING or not wait:
                return response
            from pymc_vibes.cli.waiting import follow

            where = response.headers["Location"]
            follow(self, where)
            self.followed.add(where.rpartition("/")[2])

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end; beside a loop that this thread has already, as a notebook does."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run_until_complete(work)
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(self._loop.run_until_complete, work).result()

    def _step[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something that an interrupt ends, so that nothing is left behind."""

        async def reached() -> T:
            return await self._reached(work)

        task = self._loop.create_task(reached())
        try:
            return self._wait(_result(task))
        except KeyboardInterrupt:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self._wait(_result(task))
            raise

    async def _send(self, method: str, path: str, **request: Any) -> "httpx2.Response":
        response = await self._reached(self._connect().request(method, path, **request))
        if response.status_code >= 400:
            raise _problem(response)
        return response

    async def _open(self, path: str, headers: Mapping[str, str]) -> "httpx2.Response":
        """Ask for a stream; whoever gets it closes it."""
        import httpx2

        http = self._connect()
        timeout = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        request = http.build_request("GET", path, headers=dict(headers), timeout=timeout)
        response = await self._reached(http.send(request, stream=True))
        if response.status_code >= 400:
            await response.aread()
            raise _problem(response)
        return response

    async def _reached[T](self, work: Awaitable[T]) -> T:
        """Give what the server says, or raise that it says nothing."""
        import httpx2

        try:
            return await work
        except httpx2.TransportError as error:
            reason = str(error).rstrip(".") or type(error).__name__
            url = self._settings.url or ""
            raise ServerUnreachable(
                f"No answer from {url}: {reason}.", hint=_when_unreached(url, reason)
            ) from error

    def _connect(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._http is not None:
            return self._http
        token = self._settings.token
        headers = {"Accept": "application/json", "User-Agent": "vibes"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        if self._settings.url:
            _check_url(self._settings.url)
            self._http = httpx2.AsyncClient(
                base_url=self._settings.url.rstrip("/"), headers=headers, timeout=timeout
            )
        else:
            self._http = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=self._in_process()),
                base_url="http://localhost",
                headers=headers,
                timeout=timeout,
            )
        return self._http

    def _in_process(self) -> Any:
        from pymc_vibes.service import Service

        # whoever may read the files needs no token: authentication guards the network
        unguarded = self._settings.model_copy(update={"auth_secret": None, "auth_public_key": None})
        with ThreadPoolExecutor(1) as beside:
            # the lake opens while the app's modules load
            opening = beside.submit(Service.open, unguarded)
            from pymc_vibes.http.app import create_app

            self._service = opening.result()
        return create_app(unguarded, service=self._service, quiet=True)


def part(name: str) -> str:
    """Write a name or an id as one part of an address.

    >>> part("checkout"), part("a/b?c")
    ('checkout', 'a%2Fb%3Fc')
    """
    if not name.strip():
        raise Misuse("A name or an id is empty.", hint="`vibes runs list` and the like show them.")
    return quote(name, safe="")


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        like = f"http://{url}" if _HOST.fullmatch(url) else "http://127.0.0.1:8000"
        raise BadConfig(
            f"{url!r} is not the address of a server.",
            hint=f"Give VIBES_URL or --url like {like}, or leave it out.",
        )


def _when_unreached(url: str, reason: str) -> str:
    """Say what to do where nothing answers at an address."""
    if "SSL" in reason and url.startswith("https://"):
        return f"Perhaps it speaks plain http: {url.replace('https://', 'http://', 1)}"
    start = how_to_start(url)
    first = f"Start it with `{start}`" if start else "Check the address, and that it runs"
    return f"{first}; or leave out --url and VIBES_URL to work in this process."


async def _result[T](task: "asyncio.Task[T]") -> T:
    return await task


async def _lines(response: "httpx2.Response") -> AsyncGenerator[str]:
    async for line in response.aiter_lines():
        yield line


async def _next(lines: AsyncIterator[str]) -> str | None:
    """Give the next line; nothing after the last one."""
    return await anext(lines, None)


async def _hang_up(lines: AsyncGenerator[str], response: "httpx2.Response") -> None:
    await lines.aclose()
    await response.aclose()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _problem(response: "httpx2.Response") -> VibesError:
    """Make the error that a problem document describes."""
    try:
        body = dict(response.json())
    except ValueError:
        return InternalFault(f"The server answered {response.status_code} without saying why.")
    return from_problem(body)
