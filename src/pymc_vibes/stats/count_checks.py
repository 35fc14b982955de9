"""Does a model make counts like those there are: before the data, and after them.

Mean, variance, share of zeros and maximum of simulated counts are held against those of the data.
The simulated counts themselves are kept as groups of the tree, bounded in number, so that any
other question can be asked of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.columns import level_words, numbers, sentences

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

type When = Literal["prior", "posterior"]

STATISTICS = ("mean", "variance", "share of zeros", "maximum")
DRAWS = 1000
"""Data sets that are simulated, of the prior always."""
MOST_COUNTS = 3_000_000
"""Counts of one group: 24 MB at most, so that both together stay below 64 MB."""
LEAST_DRAWS = 100
_ALARM = 0.005  # chance on one side below which a statistic is not reproduced
_ROOM = 1.3  # the axis ends beyond the upper quartiles by that factor,
_ENDS = (4.0, 10.0)  # but within these multiples of the data


@dataclass(frozen=True, eq=False)
class Check:
    """Statistics of the data `(statistics,)` and of simulated data `(draws, statistics)`."""

    observed: "Array"
    simulated: "Array"
    of: str = ""
    """Which counts are compared, where it is not all of them."""

    @property
    def above(self) -> "Array":
        """Give the chance that a simulated statistic is above the observed one, by mid-p."""
        more = (self.simulated > self.observed).mean(axis=0)
        return np.asarray(more + (self.simulated == self.observed).mean(axis=0) / 2)

    def outside(self, level: float) -> tuple[str, ...]:
        """Name the statistics that lie outside of their interval."""
        tail = (1 - level) / 2
        low, high = np.quantile(self.simulated, [tail, 1 - tail], axis=0)
        off = (self.observed < low) | (self.observed > high)
        return tuple(name for name, is_off in zip(STATISTICS, off, strict=True) if is_off)


def check_counts(observed: "Array", simulated: "Array", of: str = "") -> Check:
    """Check simulated counts `(draws, counts)` against those there are `(counts,)`."""
    return Check(_statistics(observed[None, :])[0], _statistics(simulated), of)


def _statistics(counts: "Array") -> "Array":
    counts = np.asarray(counts, dtype=float)
    return np.column_stack(
        [counts.mean(axis=1), counts.var(axis=1), (counts == 0).mean(axis=1), counts.max(axis=1)]
    )


def not_reproduced(check: Check, hints: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    """Say which features of the data the fitted model does not reproduce.

    `hints` says of a statistic what helps where the model makes too little of it.
    """
    from pymc_vibes.stats.describe import plain

    found = []
    columns = zip(STATISTICS, check.observed, check.above, check.simulated.T, strict=True)
    for name, seen, above, many in columns:
        if min(above, 1 - above) >= _ALARM:
            continue
        hint = (hints or {}).get(name, "") if above < _ALARM else ""
        text = (
            f"The model does not reproduce the {name} of the counts: {plain(float(seen))} in the "
            f"data, about {plain(float(many.mean()))} in counts simulated from it."
        )
        finding = Finding(code="not-reproduced", severity="warning", text=sentences(text, hint))
        found.append(finding)
    return tuple(found)


def check_figure(check: Check, when: When, level: float) -> Figure:
    """Draw where the data lie among simulated data, statistic by statistic, relative to them.

    A wide prior has tails beside which the data would not be seen: bars end at the edge of the
    axis, and the note says which go on. The numbers are complete.
    """
    scale = np.where(check.observed > 0, check.observed, 1.0)
    ends = ((1 - level) / 2, 0.25, 0.5, 0.75, (1 + level) / 2)
    low, _, middle, upper, high = np.quantile(check.simulated, ends, axis=0) / scale
    edge = float(np.clip(_ROOM * upper.max(), *_ENDS))
    columns = {"median": middle, "low": low, "high": high, "observed": check.observed / scale}
    is_cut = high > edge
    drawn = columns | {
        "median": np.where(middle > edge, np.nan, middle),
        "low": np.where(low > edge, np.nan, low),
        "high": np.where(low > edge, np.nan, np.minimum(high, edge)),
    }
    off = check.outside(level)
    finding = f"{', '.join(off)} outside" if off else "every statistic inside"
    finding = f"{finding} the {level_words(level)} interval"
    spec = FigureSpec(
        x=Axis(
            label="simulated, relative to the data",
            zero=True,
            domain=(0.0, edge) if is_cut.any() else None,
        ),
        y=Axis(label="", kind="category"),
        series=("",),
        tables={"numbers": _table(columns), "rows": _table(drawn)},
        marks=_MARKS,
        shown=("numbers",),
        note=_note(check, level, edge, high),
    )
    return Figure(
        name=f"{when}_check",
        title=f"{_TITLES[when]}: {finding}",
        alt=f"Mean, variance, share of zeros and maximum of {len(check.simulated):,} data sets "
        f"simulated from the {when}, relative to the data; {finding}.",
        spec=spec,
    )


_TITLES = {"prior": "What the prior expects", "posterior": "Replicated against observed"}
_MARKS = (
    Mark(kind="interval", table="rows", low="low", high="high", y="label", series=0),
    Mark(kind="dot", table="rows", x="median", y="label", series=0),
    Mark(kind="dot", table="rows", x="observed", y="label", dashed=True),
)


def _table(columns: "Mapping[str, Array]") -> dict[str, tuple[Any, ...]]:
    return {"label": STATISTICS, **{name: numbers(values) for name, values in columns.items()}}


def _note(check: Check, level: float, edge: float, high: "Array") -> str:
    from pymc_vibes.stats.describe import plain

    cut = [
        f"{name} to {plain(float(end))}"
        for name, end in zip(STATISTICS, high, strict=True)
        if end > edge
    ]
    return sentences(
        f"Open diamonds: the data; dots: medians of {len(check.simulated):,} simulated data sets; "
        f"bars: {level_words(level)} equal-tailed intervals.",
        f"The axis ends at {edge:.3g} times the data; beyond it go {', '.join(cut)}."
        if cut
        else "",
        check.of,
    )


def predictive_group(
    counts: "Array", dim: str, labels: "Mapping[str, Any]", **attrs: Any
) -> "xr.Dataset":
    """Give simulated counts `(draws, counts)` as a group of a tree, in the smallest type.

    `labels` are coordinates along `dim`.
    """
    import xarray as xr

    small = counts.max(initial=0) < 2**31
    return xr.Dataset(
        {"count": (("chain", "draw", dim), counts.astype("int32" if small else "int64")[None])},
        coords={name: (dim, values) for name, values in labels.items()},
        attrs=attrs,
    )


def every(size: int, draws: int) -> int:
    """Give n so that every n-th of `size` counts can be simulated in so many draws."""
    return max(1, -(-size * draws // MOST_COUNTS))


def affordable(size: int) -> int:
    """Give how many draws of `size` counts can be simulated, 1 000 at most."""
    return min(DRAWS, max(1, MOST_COUNTS // max(size, 1)))
