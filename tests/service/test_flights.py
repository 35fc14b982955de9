"""Equal questions share one computation; memory is bounded."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pymc_vibes.service.flights import Flights, Memory


class Key(str):
    """A key that tells when it is looked for."""

    __slots__ = ("was_sought",)

    def __init__(self, _text: str) -> None:
        self.was_sought = Event()

    def __hash__(self) -> int:
        self.was_sought.set()
        return super().__hash__()


def test_equal_questions_at_one_time_are_computed_once() -> None:
    flights: Flights[int] = Flights()
    keys = [Key("same") for _ in range(7)]
    calls = []

    def compute() -> int:
        calls.append(1)
        for key in keys:  # whoever comes after the first has landed would compute again
            key.was_sought.wait()
        return 7

    with ThreadPoolExecutor(7) as pool:
        answers = set(pool.map(lambda key: flights.share(key, compute), keys))

    assert answers == {7}
    assert len(calls) == 1


def test_a_failure_reaches_everyone_and_is_not_kept() -> None:
    flights: Flights[int] = Flights()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        flights.share("key", fail)
    assert flights.share("key", lambda: 3) == 3


def test_the_least_recently_used_is_let_go() -> None:
    memory: Memory[int] = Memory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.get("a")
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, None, 3)


def test_what_is_heavy_pushes_out_the_oldest_but_never_itself() -> None:
    memory: Memory[str] = Memory(9, weigh=len, most=5)
    for name in ("aa", "bbb", "c"):
        memory.put(name, name)
    light = [memory.get(name) for name in ("aa", "bbb", "c")]
    memory.put("d", "d" * 10)

    assert light == [None, "bbb", "c"]
    assert [memory.get(name) for name in ("bbb", "c", "d")] == [None, None, "d" * 10]
