"""Children are bounded in number, taken by one at a time, and gone when they should be."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymc_vibes.core.errors import RunCancelled
from pymc_vibes.core.run import NOBODY
from pymc_vibes.stats.nuts.pool import Pool, PoolSettings
from pymc_vibes.stats.nuts.process import ChildGone


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(PoolSettings(cache=tmp_path, children=2))
    yield made
    made.close()


def use(pool: Pool, structure: str) -> int:
    with pool.child(structure, NOBODY) as child:
        return child.pid


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class GivesUp(type(NOBODY)):  # type: ignore[misc]  # the class of nobody is not named
    cancelled = True


def test_a_structure_keeps_its_child(pool: Pool) -> None:
    assert use(pool, "a") == use(pool, "a")


def test_the_one_idle_for_longest_makes_room_and_leaves_no_zombie(pool: Pool) -> None:
    first, second = use(pool, "a"), use(pool, "b")
    use(pool, "a")

    third = use(pool, "c")

    assert {name: child.pid for name, child in pool.children.items()} == {"a": first, "c": third}
    assert not exists(second)


def test_a_busy_child_is_waited_for(pool: Pool) -> None:
    order: list[str] = []

    def second() -> None:
        with pool.child("a", NOBODY):
            order.append("second")

    with pool.child("a", NOBODY):
        waiting = threading.Thread(target=second)
        waiting.start()
        order.append("first")
    waiting.join()

    assert order == ["first", "second"]


def test_a_full_pool_of_busy_children_is_waited_for(pool: Pool) -> None:
    pids: list[int] = []
    with pool.child("a", NOBODY) as first, pool.child("b", NOBODY):
        waiting = threading.Thread(target=lambda: pids.append(use(pool, "c")))
        waiting.start()
        assert len(pool.children) == 2
        busy = first.pid
    waiting.join()

    assert len(pids) == 1
    assert pids[0] != busy
    assert len(pool.children) == 2


def test_who_waits_can_give_up(pool: Pool) -> None:
    with (
        pool.child("a", NOBODY),
        pytest.raises(RunCancelled, match="waited"),
        pool.child("a", GivesUp()),
    ):
        pass

    assert len(pool.children) == 1


def test_a_child_that_nobody_asks_ends_and_is_replaced(tmp_path: Path) -> None:
    pool = Pool(PoolSettings(cache=tmp_path, idle_seconds=0.05))
    with pool.child("a", NOBODY) as child:
        first = child.pid
        with pytest.raises(ChildGone):
            child.answer(60)
        assert child.status == 0

    assert use(pool, "a") != first
    assert not exists(first)
    pool.close()


def test_closing_ends_every_child_busy_ones_included(pool: Pool) -> None:
    idle = use(pool, "a")
    with pool.child("b", NOBODY) as busy:
        pool.close()
        with pytest.raises(ChildGone):
            busy.answer(60)

    assert pool.children == {}
    assert not exists(idle)
    assert not exists(busy.pid)


def test_a_closed_pool_starts_anew(pool: Pool) -> None:
    first = use(pool, "a")
    pool.close()

    assert use(pool, "a") != first


def test_compiled_code_is_kept_where_only_its_owner_writes(tmp_path: Path) -> None:
    pool = Pool(PoolSettings(cache=tmp_path / "deep" / "cache"))

    use(pool, "a")
    pool.close()

    assert (tmp_path / "deep" / "cache").stat().st_mode & 0o077 == 0
