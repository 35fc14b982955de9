"""One computation for equal questions asked at the same time, and a bounded memory of the last."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock


class Memory[Value]:
    """The last `size` values by key, least recently used out first; safe between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str) -> Value | None:
        """Give the value of the key, if it is still held."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: str, value: Value) -> None:
        """Hold a value."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()


class Flights[Value]:
    """Equal keys asked at the same time share one computation; a failure reaches all who wait."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[str, Future[Value]] = {}

    def share(self, key: str, compute: Callable[[], Value]) -> Value:
        """Compute the value of the key, or wait for whoever computes it already."""
        with self._lock:
            future = self._running.get(key)
            if mine := future is None:
                future = self._running[key] = Future()
        if not mine:
            return future.result()
        try:
            value = compute()
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(value)
            return value
        finally:
            with self._lock:
                del self._running[key]
