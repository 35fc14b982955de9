"""What experiments say of media: the likelihood of their readouts under a marketing mix.

A test changed the activity of some channels for a while, and the outcome was seen to differ by a
lift, give or take its sd. The model says what that difference is, over exactly the same periods:

    sum over the readout's periods of  y(activity with the test) - y(activity without it)

with carry-over into the window, out of it, and through the link. Periods after the window are
periods of a readout as any other; without them slow carry-over is mistaken for a weak channel. A
readout with Student-t errors has the same sd, and heavier tails. A weight multiplies the log
density: many weeks of confounded history outvote one test, and the user may vote again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.media_effects import Link
from pymc_vibes.stats.media_response import MediaResponse, needed
from pymc_vibes.stats.media_transforms import lagged
from pymc_vibes.stats.special import Array, alone

type Grade = Literal["randomized", "geo", "interrupted"]

SD_FACTORS: Mapping[Grade, float] = {"randomized": 1.0, "geo": 1.2, "interrupted": 1.5}
"""By how much an sd is widened for what its design cannot rule out."""
MOST_WEIGHT = 4.0
"""A test may count as much as this many of its kind."""
_ROUNDING = 1e-9  # of the largest activity: below zero by less is zero


@dataclass(frozen=True, kw_only=True)
class Readout:
    """A lift in outcome units, total over the periods from `start` to before `stop`."""

    start: int
    stop: int
    lift: float
    sd: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """A test of one channel or several; periods are counted from the first of the panel."""

    name: str
    start: int
    """First period of the test."""
    change: Array
    """Activity with the test less that without it, `(periods, channels)`, in the model's units."""
    readouts: tuple[Readout, ...]
    """In the window, after it, or both in one; their errors are independent."""
    grade: Grade
    is_in_panel: bool = True
    """Whether the panel's activity is that of the test; else it is that without it."""
    freedom: float | None = None
    """Degrees of freedom of the lifts' errors; None for normal ones."""
    weight: float = 1.0

    def __post_init__(self) -> None:
        faults = {
            "grade": "is not known" if self.grade not in SD_FACTORS else "",
            "weight": "" if 0 <= self.weight <= MOST_WEIGHT else f"must be 0 to {MOST_WEIGHT:g}",
            "freedom": "" if self.freedom is None or self.freedom > 2 else "must be above 2",
            "sd": "" if all(0 < one.sd < inf for one in self.readouts) else "must be positive",
            "lift": "" if all(isfinite(one.lift) for one in self.readouts) else "must be finite",
            "readouts": "" if self._covers_readouts() else "must end after they start, in the test",
        }
        found = [{"field": field, "reason": said} for field, said in faults.items() if said]
        if found:
            said = "; ".join(f"{fault['field']} {fault['reason']}" for fault in found)
            raise BadConfig(f"The experiment {self.name!r} cannot be used: {said}.", fields=found)

    def _covers_readouts(self) -> bool:
        return bool(self.readouts) and all(self.start <= x.start < x.stop for x in self.readouts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Experiments laid out for a model: rows are periods of readouts."""

    labels: tuple[str, ...]
    """The experiment of each readout."""
    actual: Array
    """Activity with the test and what is behind it, `(rows, channels, lags + 1)`."""
    other: Array
    """The same without the test."""
    period: NDArray[np.intp]
    """The period of the panel of each row."""
    member: Array
    """1 where a row belongs to a readout, `(readouts, rows)`."""
    lift: Array
    sd: Array
    """Widened by grade."""
    freedom: Array
    """Infinite for normal errors."""
    weight: Array

    @property
    def scale(self) -> Array:
        """Give the scale at which errors have their sd, `(readouts,)`."""
        with np.errstate(invalid="ignore"):
            heavy = np.sqrt((self.freedom - 2) / self.freedom)
        return np.asarray(self.sd * np.where(np.isfinite(self.freedom), heavy, 1.0))


def gather(experiments: Sequence[Experiment], activity: Array, lags: int) -> Evidence:
    """Lay experiments out on a panel, `(lags + periods, channels)` with its carry-in.

    Activity is in the units of the model. Raises `BadConfig` for readouts outside of the panel and
    changes larger than the activity.
    """
    pairs = [(one, readout) for one in experiments for readout in one.readouts]
    rows = [np.arange(readout.start, readout.stop) for _, readout in pairs]
    for (one, _), periods in zip(pairs, rows, strict=True):
        _check_inside(one, int(periods[-1]), len(activity) - lags)
    paths = {id(one): _paths(one, activity, lags) for one in experiments}
    owner = np.repeat(np.arange(len(pairs)), [len(periods) for periods in rows])
    empty = np.zeros((0, activity.shape[1], lags + 1))
    sides = [
        [paths[id(one)][side][periods] for (one, _), periods in zip(pairs, rows, strict=True)]
        for side in (0, 1)
    ]
    return Evidence(
        labels=tuple(one.name for one, _ in pairs),
        actual=np.concatenate([empty, *sides[0]]),
        other=np.concatenate([empty, *sides[1]]),
        period=np.concatenate([np.zeros(0, dtype=np.intp), *rows]),
        member=(owner == np.arange(len(pairs))[:, None]).astype(float),
        lift=np.array([readout.lift for _, readout in pairs]),
        sd=np.array([readout.sd * SD_FACTORS[one.grade] for one, readout in pairs]),
        freedom=np.array([inf if one.freedom is None else one.freedom for one, _ in pairs]),
        weight=np.array([one.weight for one, _ in pairs]),
    )


def _check_inside(experiment: Experiment, last: int, periods: int) -> None:
    if experiment.start >= 0 and last < periods:
        return
    raise BadConfig(
        f"The readouts of {experiment.name!r} cover periods {experiment.start} to {last}; "
        f"the data have 0 to {periods - 1}.",
        hint="Upload the periods of the test and those after it, or shorten the readout.",
    )


def _paths(experiment: Experiment, activity: Array, lags: int) -> tuple[Array, Array]:
    """Give activity with and without a test, with what is behind each period."""
    change = np.zeros_like(activity)
    first = lags + experiment.start
    change[first : first + len(experiment.change)] = experiment.change[: len(activity) - first]
    actual = activity if experiment.is_in_panel else activity + change
    other = activity - change if experiment.is_in_panel else activity
    least = min(float(actual.min()), float(other.min()))
    if least < -_ROUNDING * float(np.abs(activity).max(initial=0.0)):
        raise BadConfig(
            f"With or without {experiment.name!r}, some activity would be below zero.",
            hint="A change is activity with the test less that without it: negative for a cut.",
        )
    return lagged(np.maximum(actual, 0.0), lags), lagged(np.maximum(other, 0.0), lags)


def expected_lifts(evidence: Evidence, response: MediaResponse, mu: Array | None = None) -> Array:
    """Give what the model says of the readouts, `(draws, readouts)`.

    `mu` is `(draws, periods)` of the panel, without media; the log link needs it.
    """
    if not len(evidence.lift):
        return np.zeros((len(response.effect), 0))
    level = None if response.link == "identity" else needed(mu)[:, evidence.period]
    change = response.difference(evidence.actual, evidence.other, level)
    return alone(np.ascontiguousarray(change), evidence.member.T)


def log_likelihood(evidence: Evidence, lifts: Array) -> Array:
    """Give the weighted log density of the readouts, `(draws,)`."""
    return np.asarray((_log_densities(evidence, lifts) * evidence.weight).sum(axis=1))


def _log_densities(evidence: Evidence, lifts: Array) -> Array:
    """Give the log density of every readout, `(draws, readouts)`."""
    score2 = ((evidence.lift - lifts) / evidence.scale) ** 2
    nu = np.where(np.isfinite(evidence.freedom), evidence.freedom, 1.0)
    heavy = (nu + 1) / 2 * np.log1p(score2 / nu)
    return _peak(evidence) - np.where(np.isfinite(evidence.freedom), heavy, score2 / 2)


def _peak(evidence: Evidence) -> Array:
    """Give the log density of readouts that are as expected."""
    from scipy.special import gammaln

    nu = np.where(np.isfinite(evidence.freedom), evidence.freedom, 1.0)
    heavy = gammaln((nu + 1) / 2) - gammaln(nu / 2) - np.log(nu * pi) / 2
    is_heavy = np.isfinite(evidence.freedom)
    return np.where(is_heavy, heavy, -np.log(2 * pi) / 2) - np.log(evidence.scale)


def graph_data(evidence: Evidence) -> dict[str, Array]:
    """Give the evidence as arrays to register with a model, for `graph_log_density`.

    Without experiments the arrays have no rows: one compiled structure serves both.
    """
    is_heavy = np.isfinite(evidence.freedom)
    return {
        "lift_actual": evidence.actual,
        "lift_other": evidence.other,
        "lift_period": evidence.period,
        "lift_member": evidence.member,
        "lift_seen": evidence.lift,
        "lift_scale": evidence.scale,
        "lift_freedom": np.where(is_heavy, evidence.freedom, 1.0),
        "lift_is_normal": (~is_heavy).astype(float),
        "lift_weight": evidence.weight,
        "lift_peak": _peak(evidence),
    }


def graph_log_density(
    given: Mapping[str, Any],
    *,
    media: Callable[[Any], Any],
    mu: Any,
    link: Link,
    scale: Any = 1.0,
) -> Any:
    """Give `log_likelihood` as a PyTensor scalar, to add to a model as a potential.

    `given` holds the arrays of `graph_data`, as data of the model or as they are. `media` turns
    activity, `(rows, channels, lags + 1)`, into terms of the linear predictor, `(rows, channels)`;
    `mu` is that predictor without media, `(periods,)` of the panel; `scale` is outcome units per
    unit of the model's outcome.
    """
    pt = _tensor()
    first = pt.sum(media(given["lift_actual"]), axis=1)
    second = pt.sum(media(given["lift_other"]), axis=1)
    change = first - second
    if link == "log":
        change = pt.exp(mu[given["lift_period"]] + second) * pt.expm1(change)
    lifts = pt.dot(given["lift_member"], scale * change)
    score2 = ((given["lift_seen"] - lifts) / given["lift_scale"]) ** 2
    nu = given["lift_freedom"]
    heavy = (nu + 1) / 2 * pt.log1p(score2 / nu)
    away = pt.switch(given["lift_is_normal"], score2 / 2, heavy)
    return pt.sum(given["lift_weight"] * (given["lift_peak"] - away))


def _tensor() -> Any:
    import pytensor.tensor as pt

    return pt  # its functions carry no types
