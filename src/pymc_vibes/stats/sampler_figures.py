"""Figures that show whether a sampler and a model can be trusted.

Titles are findings here too: they say whether the chains agree, and what the model fails to make.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.core.figure import Figure
from pymc_vibes.stats import chart
from pymc_vibes.stats.chains import measure
from pymc_vibes.stats.diagnose import ESS_GOOD, R_HAT_GOOD
from pymc_vibes.stats.kernel import density, kernel_width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

_POINTS = 250  # of each chain that are drawn
_BINS = 20  # of a rank plot: Vehtari et al. (2021) use as many
_LEVEL = 0.95
_CURVE = 200  # points of a predictive curve
_LEAST = 1 / 100  # kernel width of a predictive curve, as a share of what is drawn


def trace_and_ranks(
    name: str, values: "Array", *, label: str, unit: str = ""
) -> tuple[Figure, Figure]:
    """Declare the trace and the rank plot of one number; `values` is `(chain, draw)`."""
    r_hats, sizes, _ = measure(values[:, :, None])
    r_hat, bulk = float(r_hats[0]), float(sizes[0])
    agree = r_hat < R_HAT_GOOD and bulk > ESS_GOOD
    finding = "agree" if agree else "do not agree well enough"
    words = f"The {len(values)} chains of {label} {finding}"
    numbers = f"R-hat is {r_hat:.3f}, the bulk effective sample size {bulk:,.0f}."
    return (
        _trace(f"{name}_trace", f"{words}: R-hat {r_hat:.3f}", numbers, values, (label, unit)),
        _ranks(f"{name}_ranks", f"{words}: ranks of the draws", numbers, values, label),
    )


def _trace(name: str, title: str, numbers: str, values: "Array", words: tuple[str, str]) -> Figure:
    label, unit = words
    chains, draws = values.shape
    step = -(-draws // _POINTS)
    x = np.arange(0, draws, step)
    return chart.lines_with_bands(
        name,
        title,
        f"{numbers} Chains that agree look alike and show no drift.",
        lines=[
            (f"chain {i + 1}", x.tolist(), values[i, ::step], None, None) for i in range(chains)
        ],
        x_label="draw",
        y_label=f"{label}, {unit}" if unit else label,
        note=f"Every {step}th draw." if step > 1 else "",
    )


def _ranks(name: str, title: str, numbers: str, values: "Array", label: str) -> Figure:
    from scipy.stats import binom, rankdata

    chains, draws = values.shape
    ranks = rankdata(values).reshape(values.shape)
    edges = np.linspace(0.5, values.size + 0.5, _BINS + 1)
    share = (np.arange(_BINS) + 0.5) / _BINS
    expected = draws / _BINS
    ends = binom.ppf(np.array([(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]), draws, 1 / _BINS)
    low, high = np.asarray(ends)
    flat = np.ones(_BINS)
    counts = [np.histogram(ranks[i], bins=edges)[0] / expected for i in range(chains)]
    band = ("expected", share.tolist(), flat, flat * low / expected, flat * high / expected)
    return chart.lines_with_bands(
        name,
        title,
        f"{numbers} Chains that agree have as many draws in every part of {label}.",
        lines=[
            band,
            *((f"chain {i + 1}", share.tolist(), counts[i], None, None) for i in range(chains)),
        ],
        x_label=f"rank of {label} among all draws, as a share",
        y_label="draws, relative to equal parts",
        level=_LEVEL,
        y_zero=True,
        note="The band holds independent draws; draws of a chain scatter a little more.",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Check:
    """A statistic of the data against the same statistic of data that the model makes."""

    statistic: str
    """What is counted, with its article left out, such as `share of zeros`."""
    observed: float
    replicated: "Array"
    """One value for each made data set."""

    @property
    def tail(self) -> float:
        """Give the chance that made data have less, with half of the chance of as much."""
        less = float(np.mean(self.replicated < self.observed))
        return less + float(np.mean(self.replicated == self.observed)) / 2

    @property
    def is_reproduced(self) -> bool:
        """Whether the observed value is no surprise to the model."""
        return (1 - _LEVEL) / 2 <= self.tail <= (1 + _LEVEL) / 2


def count_checks(observed: "Array", replicated: "Array") -> tuple[Check, ...]:
    """Check mean, variance, share of zeros and maximum of counts.

    `observed` has the shape `(counts,)`, `replicated` `(data sets, counts)`.
    """
    known, made = _count_statistics(observed[None, :]), _count_statistics(replicated)
    return tuple(
        Check(statistic=name, observed=float(known[name][0]), replicated=values)
        for name, values in made.items()
    )


def _count_statistics(counts: "Array") -> "Mapping[str, Array]":
    return {
        "mean": counts.mean(axis=1),
        "variance": counts.var(axis=1),
        "share of zeros": (counts == 0).mean(axis=1),
        "maximum": counts.max(axis=1).astype(float),
    }


def predictive_check(
    name: str, check: Check, *, unit: str = "", made_of: str = "the model"
) -> Figure:
    """Declare the predictive distribution of a statistic with the observed value in it.

    `made_of` says where the data sets come from, such as `the prior`.
    """
    values = np.asarray(check.replicated, dtype=float)
    x, width = _grid(check, values)
    low, high = (float(q) for q in np.quantile(values, ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2)))
    return chart.difference_curve(
        name,
        _check_title(check, made_of),
        f"Observed {check.statistic}: {check.observed:.4g}. Of the data sets of {made_of}, "
        f"{_LEVEL:.0%} have between {low:.4g} and {high:.4g}; mean {values.mean():.4g}.",
        x=x,
        y=density(values, x, width=width),
        low=low,
        high=high,
        mean=float(values.mean()),
        x_label=check.statistic,
        level=_LEVEL,
        zero=check.observed,
        unit=unit,
        sides=("less than observed", "more than observed"),
    )


def _check_title(check: Check, made_of: str) -> str:
    if check.is_reproduced:
        return f"Data of {made_of} have the observed {check.statistic}"
    size = "smaller" if check.tail > 0.5 else "larger"
    return f"Data of {made_of} have a {size} {check.statistic} than observed"


def _grid(check: Check, values: "Array") -> "tuple[Array, float]":
    ends = min(values.min(), check.observed), max(values.max(), check.observed)
    span = float(ends[1] - ends[0]) or abs(check.observed) or 1.0
    width = max(kernel_width(values), span * _LEAST)
    return np.linspace(ends[0] - 3 * width, ends[1] + 3 * width, _CURVE), width
