"""Listening on a port: only on this machine, unless requests need a token."""

import contextlib
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import Unavailable, UnsafeBinding
from pymc_vibes.service.logs import log_like_us
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

GRACE_SECONDS = 10  # for requests under way when the server is told to stop
NOT_STARTED = 3  # exit code, as uvicorn has it


def check_binding(settings: Settings, host: str) -> None:
    """Raise `UnsafeBinding` where others could reach a server that asks nobody for a token."""
    if settings.has_auth or _is_loopback(host):
        return
    raise UnsafeBinding(
        f"Listening on {host} would let everybody on the network read and change the data.",
        hint="Set VIBES_AUTH_SECRET and make tokens with `vibes token create`, "
        "or stay on 127.0.0.1.",
    )


def check_free(host: str, port: int) -> None:
    """Raise `Unavailable` where the port cannot be listened on."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, *_, address in found:
            socket.create_server(address[:2], family=family).close()
    except OSError as error:
        code = error.errno or 0  # below 0 it is a resolver's
        reason = os.strerror(code).lower() if code > 0 else error.strerror or str(error)
        raise Unavailable(
            f"The server cannot listen on {host}, port {port}: {reason}.",
            hint="Stop what runs there, or choose another port: --port 0 takes a free one.",
        ) from error


def check(settings: Settings, host: str, port: int) -> None:
    """Raise `UnsafeBinding` or `Unavailable` where a server must not or cannot listen there."""
    check_binding(settings, host)
    check_free(host, port)


def run(
    settings: Settings,
    host: str,
    port: int,
    *,
    works: bool = True,
    ready: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve until told to stop; open requests may finish first.

    A server that `works` carries its runs out itself; one that does not leaves them to workers.
    `ready` is told the port once it is listened on.
    """
    from pymc_vibes.http.app import create_app

    _prepare(settings, host, port)
    server = server_of(
        create_app(settings, works=works),
        ready,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with contextlib.suppress(KeyboardInterrupt):  # it has stopped by then
        server.run()
    if not server.started:
        sys.exit(NOT_STARTED)


def run_reloading(settings: Settings, host: str, port: int) -> None:
    """Serve by fresh processes whenever the code changes; they read the settings again."""
    import uvicorn

    _prepare(settings, host, port)
    uvicorn.run(
        "pymc_vibes.http.app:app",
        host=host,
        port=port,
        reload=True,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _prepare(settings: Settings, host: str, port: int) -> None:
    check(settings, host, port)
    log_like_us(settings)
    # the server finishes its requests, then passes the signal on to this handler
    signal.signal(signal.SIGTERM, _stop)


def server_of(
    app: "FastAPI", ready: Callable[[int], None] = lambda _: None, **options: Any
) -> "uvicorn.Server":
    """Make a server that says when it listens, and whose streams end when it is told to stop."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(self.servers[0].sockets[0].getsockname()[1])

    server = Server(uvicorn.Config(app, **options))
    app.state.streams.is_ending = lambda: server.should_exit
    return server


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """End with exit code 0: to be told to stop is no failure."""
    sys.exit(0)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
