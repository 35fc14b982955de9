"""Pipes that end early: an unread stdout ends the program quietly, a lost peer does not."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def end_quietly_when_unread() -> None:
    """Let a closed pipe (`| head`) end the program without a word."""
    if sys.platform != "win32":  # which has no such signal
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


@contextmanager
def hang_ups_are_errors() -> Iterator[None]:
    """Make a connection that the other side closed an error to tell, not the program's end."""
    # only the main thread may set a signal; elsewhere the caller's own setting stands
    is_main = threading.current_thread() is threading.main_thread()
    if sys.platform == "win32" or not is_main:
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)
