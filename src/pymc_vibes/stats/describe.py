"""Turn posteriors into the estimates and the numbers that people read."""

import re
from collections.abc import Callable, Sequence
from math import floor, isfinite, log10
from typing import Literal, Protocol

from pymc_vibes.core.answer import Estimate, Interval
from pymc_vibes.stats.contrast import Contrast
from pymc_vibes.stats.draws import Draws
from pymc_vibes.stats.special import Array

# words such as points and minutes; not mmHg, kbps, Celsius
_PLURAL = re.compile(r"\b([a-z]*[aeiou][a-z]*[a-hj-rtv-z])s$")


class Labelled(Protocol):
    """Posteriors of some labels, whatever they are known by."""

    def take(self, indices: list[int]) -> "Labelled":
        """Give the posteriors of some labels."""
        ...

    def mean(self) -> Array:
        """Give the means."""
        ...

    def sd(self) -> Array:
        """Give the standard deviations."""
        ...

    def quantile(self, q: float) -> Array:
        """Give the quantiles."""
        ...

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the ends of the shortest intervals."""
        ...


def estimate(
    name: str,
    label: str,
    distribution: "Labelled",
    index: int = 0,
    *,
    level: float,
    unit: str = "",
    kind: Literal["eti", "hdi"] = "eti",
    percent: bool = False,
) -> Estimate:
    """Give one posterior as an estimate: the interval of `kind` first, both in `intervals`."""
    one = distribution.take([index])
    tail = (1 - level) / 2
    low, high = one.hdi(level)
    both = (
        _interval(one.quantile(tail)[0], one.quantile(1 - tail)[0], level, "eti"),
        _interval(low[0], high[0], level, "hdi"),
    )
    return Estimate(
        name=name,
        label=label,
        unit=unit,
        mean=finite(one.mean()[0]),
        sd=finite(one.sd()[0]),
        median=finite(one.quantile(0.5)[0]),
        interval=both[0] if kind == "eti" else both[1],
        intervals=both,
        mcse=monte_carlo_errors(one, 1)[0],
        percent=percent,
    )


def monte_carlo_errors(distribution: object, labels: int) -> tuple[float | None, ...]:
    """Give the Monte Carlo standard error of the mean of each label; None but for chains."""
    if not isinstance(distribution, Draws) or not distribution.is_chained:
        return (None,) * labels
    return tuple(finite(error) for error in distribution.mcse())


def contrast_estimate(
    name: str,
    label: str,
    contrast: Contrast,
    *,
    level: float,
    unit: str = "",
    percent: bool = False,
) -> Estimate:
    """Give a difference or a ratio as an estimate; its interval is the one of the decision."""
    decisive = _interval(*contrast.interval(level), level, "eti")
    return Estimate(
        name=name,
        label=label,
        unit=unit,
        mean=finite(contrast.mean),
        sd=finite(contrast.sd),
        median=finite(contrast.quantile(0.5)),
        interval=decisive,
        intervals=(decisive, _interval(*contrast.hdi(level), level, "hdi")),
        percent=percent,
    )


def estimate_data(found: Estimate) -> dict[str, float | list[float | None] | None]:
    """Give an estimate's numbers for programs; None where there is no such number."""
    ends = {interval.kind: [interval.low, interval.high] for interval in found.intervals}
    return {
        "mean": found.mean,
        "sd": found.sd,
        "median": found.median,
        "interval": ends["eti"],
        "hdi": ends["hdi"],
    }


def plain(x: float | None, digits: int = 3) -> str:
    """Write a number with about `digits` significant digits, thousands separated by commas.

    >>> plain(1234567.0), plain(12.3456), plain(0.00012345), plain(-0.5), plain(None)
    ('1,234,567', '12.3', '0.000123', '-0.5', 'unbounded')
    """
    if x is None or not isfinite(x):
        return "unbounded"
    if x == 0:
        return "0"
    size = floor(log10(abs(x)))
    if not -5 <= size < 15:
        return f"{x:.{digits - 1}e}"
    text = f"{x:,.{max(0, digits - 1 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(x: float | None, unit: str) -> str:
    """Write a number with its unit; a unit that is a plural loses it after 1.

    >>> quantity(1.0, "points"), quantity(2.5, "points"), quantity(1, "degrees Celsius")
    ('1 point', '2.5 points', '1 degrees Celsius')
    """
    number = plain(x)
    return f"{number} {_PLURAL.sub(r'\1', unit) if number in {'1', '-1'} else unit}".rstrip()


def percent(x: float | None, digits: int = 3) -> str:
    """Write a fraction as a percentage.

    >>> percent(0.1234567), percent(-0.02), percent(2.5)
    ('12.3 %', '-2 %', '250 %')
    """
    text = plain(None if x is None else 100 * x, digits)
    return text if text == "unbounded" else f"{text} %"


def spread_title(
    quantity: str, labels: Sequence[str], means: Sequence[float], write: Callable[[float], str]
) -> str:
    """Say in a title what a picture of several estimates shows: the highest and the lowest.

    >>> spread_title("rate", ["A", "B"], [0.2, 0.25], percent)
    'The rate of B is about 25 %, that of A 20 %'
    >>> spread_title("rate", ["A", "B", "C"], [0.2, 0.25, 0.1], percent)
    'The rate runs from about 25 % (B) to 10 % (C)'
    """
    order = sorted(range(len(labels)), key=lambda i: -means[i])
    top, bottom = order[0], order[-1]
    high, low = write(means[top]), write(means[bottom])
    if len(labels) == 1:
        return f"The {quantity} is about {high}"
    if len(labels) == 2:
        return f"The {quantity} of {labels[top]} is about {high}, that of {labels[bottom]} {low}"
    return f"The {quantity} runs from about {high} ({labels[top]}) to {low} ({labels[bottom]})"


def difference_title(
    first: str,
    second: str,
    low: float | None,
    high: float | None,
    write: Callable[[float | None], str],
    unit: str = "",
) -> str:
    """Say in a title where a difference lies, and whether that excludes no difference.

    >>> difference_title("B", "A", -0.002, 0.027, percent)
    'B minus A lies between -0.2 % and 2.7 %, zero included'
    """
    span = f"{write(low)} and {write(high)} {unit}".rstrip()
    is_in = (low is None or low <= 0) and (high is None or high >= 0)
    return f"{first} minus {second} lies between {span}, zero {'included' if is_in else 'excluded'}"


def _interval(low: float, high: float, level: float, kind: Literal["eti", "hdi"]) -> Interval:
    return Interval(low=finite(low), high=finite(high), prob=level, kind=kind)


def finite(x: float | None) -> float | None:
    """Give a number as JSON can hold it: None where it is missing or infinite."""
    return float(x) if x is not None and isfinite(x) else None
