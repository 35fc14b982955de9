"""A sampler child as its parent sees it: started, asked, heard, and ended."""

import collections
import contextlib
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from pymc_vibes.stats.nuts.messages import Advance, Cancel, Compiled, Job, Reply, Request

_ANSWER = 1.0  # seconds that a child has to answer a cancel before it is killed
_LEAVE = 2.0  # seconds that a child has to end by itself when the line is closed
_LINES = 50  # of its standard error that are kept
_WIDTH = 500  # characters kept of each


class ChildGone(Exception):  # no error that people read: the caller says what it means
    """The child ended without an answer."""


class Child:
    """One process, one structure, one job at a time."""

    def __init__(self, *, cache: Path, idle_seconds: float) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [
                *(sys.executable, "-m", "pymc_vibes.stats.nuts.child"),
                *("--socket", str(theirs.fileno())),
                *("--cache", str(cache)),
                *("--idle-seconds", str(idle_seconds)),
            ]
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for the parent, which then cancels
            )
        self._connection: Connection[Request, Reply] = Connection(ours.detach())
        self._lines: collections.deque[str] = collections.deque(maxlen=_LINES)
        # reads what it says and collects its status, so that it neither blocks nor stays a zombie
        self._drain = threading.Thread(target=self._read, daemon=True)
        self._drain.start()
        self.is_compiled = False
        """Whether it has its structure ready."""

    @property
    def pid(self) -> int:
        """Give its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can take a job."""
        return not self._connection.closed and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Give its exit status; negative is the signal that ended it, None is not ended."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """Give the end of its standard error."""
        return "\n".join(self._lines)

    def ask(self, job: Job) -> None:
        """Send a job, or raise `ChildGone`."""
        self._send(job)

    def answer(self, seconds: float) -> Reply | None:
        """Wait for the next message, or give None; raises `ChildGone`."""
        try:
            return self._connection.recv() if self._connection.poll(seconds) else None
        except (EOFError, OSError) as error:
            self._wait(_LEAVE)
            raise ChildGone from error

    def cancel(self) -> None:
        """Ask it to stop its job, and kill it if it does not answer."""
        with contextlib.suppress(ChildGone):
            self._send(Cancel())
            while (reply := self.answer(_ANSWER)) is not None:
                if not isinstance(reply, Advance | Compiled):
                    return
        self.kill()

    def hang_up(self) -> None:
        """Close the line, by which it ends."""
        self._connection.close()

    def close(self) -> None:
        """Let it end by itself, and kill it if it does not."""
        self.hang_up()
        if not self._wait(_LEAVE):
            self.kill()

    def signal_kill(self) -> None:
        """End it at once; whoever waits for its answer hears of it."""
        self._process.kill()

    def kill(self) -> None:
        """End it at once, and the line with it."""
        self.signal_kill()
        self._connection.close()
        self._drain.join()

    def _send(self, request: Request) -> None:
        try:
            self._connection.send(request)
        except OSError as error:
            self._wait(_LEAVE)
            raise ChildGone from error

    def _wait(self, seconds: float) -> bool:
        self._drain.join(seconds)
        return not self._drain.is_alive()

    def _read(self) -> None:
        errors = self._process.stderr
        if errors is not None:
            with errors:
                self._lines.extend(line.rstrip()[:_WIDTH] for line in errors)
        self._process.wait()
