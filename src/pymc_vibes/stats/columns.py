"""Columns of a figure: rounded, finite, named for people, and sentences for its note."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.figure import rounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

type Numbers = Sequence[float] | NDArray[np.float64]
type MaybeNumbers = Sequence[float | None] | NDArray[np.float64]
type Position = float | int | str | date
type Positions = Sequence[Position] | NDArray[np.float64]
type Columns = Mapping[str, tuple[Any, ...]]

INTERVALS: Mapping[str, str] = {"hdi": "highest-density", "eti": "equal-tailed"}


def numbers(values: Iterable[Any]) -> tuple[Any, ...]:
    """Round to figure digits; what is missing or infinite becomes None, which is not drawn.

    >>> numbers([1 / 3, None, float("inf")])
    (0.33333, None, None)
    """
    import math

    kept = (None if v is None or not math.isfinite(float(v)) else v for v in values)
    return rounded(kept)


def positions(values: Iterable[Any]) -> tuple[Any, ...]:
    """Give positions on an axis: times as ISO strings, indices with all their digits.

    >>> positions([date(2014, 1, 31)])
    ('2014-01-31',)
    """
    placed = [v.isoformat() if isinstance(v, date) else v for v in values]
    return rounded(placed, digits=9)


def curve_columns(x: Numbers, y: Numbers) -> dict[str, tuple[Any, ...]]:
    """Give the finite points of a curve as columns x and y.

    A density can be infinite at the end of its support: such points are left out.
    """
    import numpy as np

    where, height = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    finite = np.isfinite(where) & np.isfinite(height)
    if not finite.any():
        raise ValueError("a curve needs at least one finite point")
    return {"x": rounded(where[finite]), "y": rounded(height[finite])}


def center_of(curve: Columns) -> float:
    """Give the mean of a drawn curve: good enough for a dot, not for a table."""
    import numpy as np

    x, y = np.asarray(curve["x"]), np.asarray(curve["y"])
    mass = np.trapezoid(y, x)
    return float(np.trapezoid(x * y, x) / mass) if mass > 0 else float(x[np.argmax(y)])


def split_at(curve: Columns, zero: float) -> dict[int, Columns]:
    """Cut a curve at `zero` into its left (0) and right (1) part; an empty part is absent."""
    import numpy as np

    x, y = np.asarray(curve["x"]), np.asarray(curve["y"])
    if zero <= x[0]:
        return {1: curve}
    if zero >= x[-1]:
        return {0: curve}
    height = float(np.interp(zero, x, y))
    return {
        0: {"x": rounded([*x[x < zero], zero]), "y": rounded([*y[x < zero], height])},
        1: {"x": rounded([zero, *x[x > zero]]), "y": rounded([height, *y[x > zero]])},
    }


def highest_first(values: Sequence[float | None]) -> list[int]:
    """Give the order of rows by value, highest first; ties keep their order, None comes last."""

    def key(i: int) -> tuple[bool, float]:
        value = values[i]
        return (value is None, 0.0 if value is None else -value)

    return sorted(range(len(values)), key=key)


def with_gap(columns: Columns, position: int, words: str) -> Columns:
    """Insert a row that draws nothing and says `words` as its label."""
    return {
        name: (*values[:position], words if name == "label" else None, *values[position:])
        for name, values in columns.items()
    }


def with_unit(label: str, unit: str) -> str:
    """Put the unit behind an axis label.

    >>> with_unit("rate", "events per day")
    'rate (events per day)'
    """
    return f"{label} ({unit})" if unit else label


def level_words(level: float) -> str:
    """Write an interval's mass.

    >>> level_words(0.95), level_words(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * level:.6g} %"


def sentences(*parts: str) -> str:
    """Join the parts that are not empty."""
    return " ".join(part for part in parts if part)
