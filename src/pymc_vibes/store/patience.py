"""How long a question to the lake may take: past that the engine is told to stop.

One thread watches every question of the process. It sleeps until the first of them is late, so a
question that is answered in time costs a lock and nothing else. Nobody has to wait for the answer:
a question whose asker has gone away is ended all the same.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import QueryTooLong

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AGAIN_SECONDS = 0.1  # what the engine is told between two statements, it forgets


@dataclass(eq=False)
class _Question:
    """A question that is being worked on."""

    connection: "DuckDBPyConnection"
    deadline: float
    is_late: bool = False


class _Watch:
    """Ends what is late."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._open: set[_Question] = set()
        self._wakes = 0.0
        self._thread: Thread | None = None

    def add(self, question: _Question) -> None:
        """Watch a question until it is removed."""
        with self._changed:
            self._open.add(question)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="vibes-patience", daemon=True)
                self._thread.start()
            elif question.deadline < self._wakes:
                self._changed.notify()

    def remove(self, question: _Question) -> None:
        """Let go of a question; once this returns, its connection is left alone."""
        with self._changed:
            self._open.discard(question)

    def _run(self) -> None:
        with self._changed:
            while True:
                self._wakes = min((each.deadline for each in self._open), default=float("inf"))
                rest = None if self._wakes == float("inf") else self._wakes - time.monotonic()
                if rest is None or rest > 0:
                    self._changed.wait(rest)
                self._end_late()

    def _end_late(self) -> None:
        import duckdb

        now = time.monotonic()
        for question in [each for each in self._open if each.deadline <= now]:
            question.is_late = True
            question.deadline = now + AGAIN_SECONDS
            with suppress(duckdb.Error):  # its connection was closed in this moment
                question.connection.interrupt()


_watch = _Watch()


@contextmanager
def bounded(connection: "DuckDBPyConnection", seconds: float) -> Iterator[None]:
    """Interrupt what the connection works on after so many seconds, and say so."""
    import duckdb

    question = _Question(connection, time.monotonic() + seconds)
    _watch.add(question)
    try:
        yield
    except duckdb.InterruptException as error:
        if not question.is_late:
            raise
        raise QueryTooLong(
            f"The lake worked on this for {seconds:g} s and was stopped.",
            hint="Ask for a shorter window or fewer columns, or raise VIBES_QUERY_SECONDS.",
        ) from error
    finally:
        _watch.remove(question)
