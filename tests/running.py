"""A web server on a port of this machine, in a thread of this process."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


@contextmanager
def running(server: uvicorn.Server) -> Iterator[tuple[str, threading.Thread]]:
    """Give the address and the thread; connections wait in the socket until the server is up.

    What the server consists of is imported before the thread begins, and its loop is asyncio's:
    an import in one thread can fail with `KeyError` beside another thread's import of the same
    package, as `importlib` takes a module out of `sys.modules` for a moment to put it last.
    """
    server.config.load()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(128)
        serves = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
        serves.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}", serves
        finally:
            server.should_exit = True
            serves.join()
