"""The sampler children that are kept warm: one per structure, and only so many.

A child that is busy is waited for; where there are as many as may be, the one that has been idle
for longest makes room. Children end with this process, by `shutdown`, and by themselves when idle.
"""

import atexit
import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import RunCancelled
from pymc_vibes.stats.nuts.process import Child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymc_vibes.core.run import Watch

_TICK = 0.1  # seconds between two looks whether whoever waits has given up


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """How many children there may be, for how long, and where their compiled code is kept."""

    cache: Path | None = None
    """None is `.cache/pymc-vibes/sampler` in the home of whoever runs this."""
    children: int = 3
    idle_seconds: float = 600.0


class Pool:
    """Children by structure, least recently used first."""

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self._children: dict[str, Child] = {}
        self._busy: set[str] = set()
        self._changed = threading.Condition()
        self._ends_with_us = False

    @property
    def children(self) -> dict[str, Child]:
        """Give the living children by structure."""
        with self._changed:
            return {name: child for name, child in self._children.items() if child.is_alive}

    @contextlib.contextmanager
    def child(self, structure: str, watch: "Watch") -> "Iterator[Child]":
        """Have the child of a structure to oneself; raises `RunCancelled` while waiting for it."""
        child = self._take(structure, watch)
        try:
            yield child
        finally:
            self._give_back(structure, child)

    def close(self) -> None:
        """End every child: the idle ones by themselves, the busy ones at once."""
        with self._changed:
            children, self._children = self._children, {}
            busy, self._busy = self._busy, set()
        for structure, child in children.items():
            (child.signal_kill if structure in busy else child.hang_up)()
        for structure in children.keys() - busy:
            children[structure].close()

    def _take(self, structure: str, watch: "Watch") -> Child:
        with self._changed:
            if not self._has_room(structure):
                watch.stage("wait")
            while not self._has_room(structure):
                self._changed.wait(_TICK)
                if watch.cancelled:
                    raise RunCancelled("The run was cancelled while it waited for a sampler.")
            child = self._children.pop(structure, None) or self._start()
            self._children[structure] = child  # now the last used
            self._busy.add(structure)
            return child

    def _has_room(self, structure: str) -> bool:
        idle = [name for name in self._children if name not in self._busy]
        for name in [name for name in idle if not self._children[name].is_alive]:
            self._children.pop(name).kill()
        if structure in self._busy:
            return False
        if structure in self._children or len(self._children) < self.settings.children:
            return True
        oldest = next((name for name in idle if name in self._children), None)
        if oldest is None:
            return False
        self._children.pop(oldest).kill()  # it holds nothing but what can be compiled again
        return True

    def _start(self) -> Child:
        if not self._ends_with_us:
            atexit.register(self.close)
            self._ends_with_us = True
        cache = self.settings.cache or Path.home() / ".cache" / "pymc-vibes" / "sampler"
        # compiled code is run as it is found: nobody else may write here
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Child(cache=cache, idle_seconds=self.settings.idle_seconds)

    def _give_back(self, structure: str, child: Child) -> None:
        with self._changed:
            ours = self._children.get(structure) is child
            if ours:
                self._busy.discard(structure)
            if not (ours and child.is_alive):
                child.kill()
                self._children = {n: c for n, c in self._children.items() if c is not child}
            self._changed.notify_all()


_POOL = Pool(PoolSettings())


def shared() -> Pool:
    """Give the pool of this process."""
    return _POOL


def configure(*, cache: Path | None = None, children: int = 3, idle_seconds: float = 600.0) -> None:
    """Say where compiled code is kept, and how many children are kept for how long.

    Holds for children that are started from now on.
    """
    _POOL.settings = PoolSettings(cache=cache, children=children, idle_seconds=idle_seconds)


def shutdown() -> None:
    """End every sampler child; the next fit starts one again."""
    _POOL.close()
