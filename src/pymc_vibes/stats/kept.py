"""What an answer, its figures and the questions after it ask for more than once."""

from collections import deque
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, Protocol

from pymc_vibes.core.posterior import Posterior


class Reading[C](Protocol):
    """A posterior with its settings, as a kind reads it."""

    @property
    def posterior(self) -> Posterior:
        """Give what was fitted."""
        ...

    @property
    def config(self) -> C:
        """Give the settings."""
        ...


def latest[C, R: Reading[Any]](
    made: Callable[[Posterior, C], R], *, most: int = 2
) -> Callable[[Posterior, C], R]:
    """Give the same reading for the same posterior and settings, for the last few of them.

    Few, because readings hold draws; a posterior is the same where it is the same object.
    """
    known: deque[R] = deque(maxlen=most)

    def reading_of(posterior: Posterior, config: C) -> R:
        for one in tuple(known):
            if one.posterior is posterior and one.config == config:
                return one
        new = made(posterior, config)
        known.append(new)
        return new

    return reading_of


def once[R, **P, T](
    compute: Callable[Concatenate[R, P], T],
) -> Callable[Concatenate[R, P], T]:
    """Compute a function of a reading once for each reading, which then holds what was found.

    Further arguments must be hashable. The reading needs an attribute dictionary.
    """

    @wraps(compute)
    def found(reading: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        kept: dict[Hashable, T] = vars(reading).setdefault(f"_{compute.__name__}", {})
        key = (args, tuple(sorted(kwargs.items())))
        if key not in kept:
            kept[key] = compute(reading, *args, **kwargs)
        return kept[key]

    return found
