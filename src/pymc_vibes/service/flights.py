"""One computation for equal questions asked at the same time, and a bounded memory of the last."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock


class Memory[Value]:
    """The last `size` values by key, least recently used out first; safe between threads.

    What `weigh` gives may sum to `most` at most; one value alone may weigh more.
    """

    def __init__(
        self, size: int, *, weigh: Callable[[Value], int] = lambda _value: 0, most: int = 0
    ) -> None:
        self._size = size
        self._weigh = weigh
        self._most = most
        self._lock = Lock()
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._weights: dict[str, int] = {}

    def get(self, key: str) -> Value | None:
        """Give the value of the key, if it is still held."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: str, value: Value) -> None:
        """Hold a value."""
        weight = self._weigh(value)
        with self._lock:
            self._values[key] = value
            self._weights[key] = weight
            self._values.move_to_end(key)
            while self._is_full():
                oldest, _ = self._values.popitem(last=False)
                del self._weights[oldest]

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()
            self._weights.clear()

    def _is_full(self) -> bool:
        is_heavy = sum(self._weights.values()) > self._most
        return len(self._values) > self._size or (is_heavy and len(self._values) > 1)


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
