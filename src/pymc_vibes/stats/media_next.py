"""Which channel to test next: what a test would teach, for the money it disturbs.

A test sets a channel's usual activity to a multiple of it for some periods, and reads the lift in
the window and after it. Before it is run, its readouts are as uncertain as the draws and their own
errors say. To first order a return and the readouts are jointly normal, so what is left of the
return's variance does not depend on what will be read:

    Var(R | readouts) = Var(R) - Cov(R, L) (Cov(L) + Sigma)^-1 Cov(L, R)

with R and L taken from the same draws. Where they are not normal a test teaches more than that: no
linear estimate is better than the mean given what was read. `simulated_sd` does without the
approximation: it draws readouts, weighs the draws by each of them, and averages what is left (the
preposterior of Raiffa and Schlaifer 1961).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import nan, sqrt

import numpy as np

from pymc_vibes.stats.media_experiments import (
    SD_FACTORS,
    Evidence,
    Experiment,
    Grade,
    Readout,
    expected_lifts,
    gather,
    log_likelihood,
)
from pymc_vibes.stats.media_response import MediaResponse, needed
from pymc_vibes.stats.special import Array

_UNSEEN = 0.0  # a lift that nobody has measured yet; only its sd is asked for


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A test that could be run."""

    channel: int
    factor: float
    """Of the usual activity: 0 is dark, 1.5 is half as much again."""
    periods: int


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """What a test is expected to teach about the return of its channel."""

    trial: Trial
    money: float
    """Spending moved, up or down."""
    lift: float
    """Expected difference of the outcome, in the window and after it."""
    lift_sd: float
    """Error of a readout of that difference."""
    width: float
    """Of the interval of the return, now."""
    width_after: float
    """The same, expected after the test."""

    @property
    def reduction(self) -> float:
        """Give by how much the interval becomes narrower."""
        return self.width - self.width_after

    @property
    def per_money(self) -> float:
        """Give the reduction per unit of money disturbed."""
        return self.reduction / self.money


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What tests are planned on: business as usual."""

    response: MediaResponse
    activity: Array
    """Usual activity per period, `(channels,)`, in the model's units."""
    cost: Array
    """Money per unit of activity, `(channels,)`."""
    returns: Array
    """What tests are to teach: draws of the return of every channel, `(draws, channels)`."""
    noise: float
    """Sd of the outcome of one period, as the design of the test compares it, in its units. Errors
    of periods are taken to be independent."""
    grade: Grade = "geo"
    level: Array | None = None
    """Usual linear predictor without media, `(draws,)`; the log link needs it."""
    beside: "tuple[Ground, ...]" = ()
    """Further series, such as regions, where the same test is run at the same time; the noise is
    that of all of them together."""


def next_experiments(
    ground: Ground, trials: Sequence[Trial], *, prob: float = 0.9
) -> list[Prospect]:
    """Rank tests, the one that teaches most per unit of money first.

    Tests that change nothing, because the channel is not used or the factor is 1, are left out.
    """
    found = [_prospect(ground, trial, prob) for trial in trials if _money(ground, trial) > 0]
    return sorted(found, key=lambda prospect: -prospect.per_money)


def trials_of(
    channels: int,
    *,
    factors: Sequence[float] = (0.0, 0.5, 1.5, 2.0),
    periods: Sequence[int] = (4, 8),
) -> list[Trial]:
    """List tests of every channel, change and duration."""
    every = product(range(channels), factors, periods)
    return [Trial(channel=c, factor=factor, periods=n) for c, factor, n in every]


def planned(ground: Ground, trial: Trial) -> tuple[Evidence, Array]:
    """Lay a test out, and give what the model expects of its readouts, `(draws, readouts)`."""
    response, lags = ground.response, ground.response.lags
    usual = float(ground.activity[trial.channel])
    blocks = [(0, trial.periods), (trial.periods, trial.periods + lags)][: 2 if lags else 1]
    experiment = Experiment(
        name="next",
        start=0,
        change=np.full((trial.periods, 1), (trial.factor - 1) * usual),
        readouts=tuple(
            Readout(start=start, stop=stop, lift=_UNSEEN, sd=ground.noise * sqrt(stop - start))
            for start, stop in blocks
        ),
        grade=ground.grade,
        is_in_panel=False,
    )
    panel = np.full((2 * lags + trial.periods, 1), usual)
    evidence = gather([experiment], panel, lags)
    mu = _others(ground, trial) if response.link == "log" else None
    lifts = expected_lifts(evidence, response.only(trial.channel), mu)
    return evidence, sum((planned(other, trial)[1] for other in ground.beside), start=lifts)


def _others(ground: Ground, trial: Trial) -> Array:
    """Give the usual linear predictor without the channel of a test, `(draws, periods)`."""
    response, activity = ground.response, ground.activity[None, :, None]
    steady = np.repeat(activity, response.lags + 1, axis=2)
    terms = response.media(response.exposure(steady))[:, 0]
    level = needed(ground.level) + terms.sum(axis=1) - terms[:, trial.channel]
    return np.repeat(level[:, None], trial.periods + response.lags, axis=1)


def linear_sd(values: Array, lifts: Array, sd: Array) -> float:
    """Give the sd of a quantity, `(draws,)`, expected after readouts, to first order."""
    joint = np.cov(np.column_stack([values, lifts]), rowvar=False)
    seen = joint[1:, 1:] + np.diag(sd**2)
    explained = joint[0, 1:] @ np.linalg.solve(seen, joint[1:, 0])
    return sqrt(max(float(joint[0, 0] - explained), 0.0))


def simulated_sd(
    values: Array, evidence: Evidence, lifts: Array, *, readings: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Give the same from simulated readouts and weighted draws, with its standard error.

    What is averaged is the variance. Draws must be many more than one readout leaves likely.
    """
    at = rng.choice(len(values), size=readings, replace=False)
    seen = lifts[at] + evidence.sd * rng.standard_normal((readings, len(evidence.sd)))
    left = np.full(readings, nan)
    for i, lift in enumerate(seen):
        log_weight = log_likelihood(replace(evidence, lift=lift), lifts)
        weights = np.exp(log_weight - log_weight.max())
        weights /= weights.sum()
        left[i] = (weights * (values - (weights * values).sum()) ** 2).sum()
    sd = sqrt(float(left.mean()))
    return sd, float(left.std(ddof=1)) / sqrt(readings) / (2 * sd)


def _money(ground: Ground, trial: Trial) -> float:
    moved = abs(trial.factor - 1) * trial.periods * ground.activity[trial.channel]
    own = float(moved * ground.cost[trial.channel])
    return own + sum(_money(other, trial) for other in ground.beside)


def _prospect(ground: Ground, trial: Trial, prob: float) -> Prospect:
    evidence, lifts = planned(ground, trial)
    values = ground.returns[:, trial.channel]
    low, high = np.quantile(values, [(1 - prob) / 2, (1 + prob) / 2])
    sd = float(values.std(ddof=1))
    left = linear_sd(values, lifts, evidence.sd) / sd if sd else 1.0
    periods = trial.periods + ground.response.lags
    return Prospect(
        trial=trial,
        money=_money(ground, trial),
        lift=float(lifts.sum(axis=1).mean()),
        lift_sd=ground.noise * sqrt(periods) * SD_FACTORS[ground.grade],
        width=float(high - low),
        width_after=float(high - low) * left,
    )
