"""Trials with known truth: schedules of 90 days, correlated noise, effects and carry-over."""

import numpy as np

from pymc_vibes.stats.design import carried_over
from pymc_vibes.stats.series import Series, standard_of
from pymc_vibes.stats.trial import TrialFit, TrialModel, fit_trial
from pymc_vibes.stats.trial_days import Treatments, Trial
from tests.stats.interrupted_worlds import FIRST, ar1

DAYS = 90
DESIGNS = ("AB", "ABAB", "blocks", "pairs")


def schedule(design: str, rng: np.random.Generator) -> Treatments:
    """Two halves, four periods, eight blocks in randomized pairs, or randomized pairs of days."""
    if design == "AB":
        return np.repeat([0, 1], 45)
    if design == "ABAB":
        return np.repeat([0, 1, 0, 1], [23, 22, 23, 22])
    pairs = 4 if design == "blocks" else 45
    order = np.concatenate([rng.permutation(2) for _ in range(pairs)])
    return np.repeat(order, np.diff(np.linspace(0, DAYS, 2 * pairs + 1).round().astype(int)))


def world(
    given: Treatments,
    phi: float,
    rng: np.random.Generator,
    *,
    effect: float = 0.0,
    half_life: float = 0.0,
    missing: float = 0.0,
) -> Trial:
    """Noise of sd 1 with that correlation, and an effect of treatment 1."""
    days = len(given)
    exposure = carried_over((given == 1).astype(float), half_life)
    value = ar1(days, phi, rng) + effect * exposure
    kept = rng.random(days) >= missing
    kept[[0, -1]] = True
    series = Series(FIRST + np.arange(days, dtype=float), value, np.ones(days)).where(kept)
    return Trial(series, given[kept], int(given.max()) + 1)


def analyzed(trial: Trial, model: TrialModel | None = None) -> TrialFit:
    """Fit as the kind does: standardized by the comparator's days."""
    standard = standard_of(trial.series.where(trial.kept & (trial.treatment == 0)))
    assert standard is not None
    return fit_trial(trial, model or TrialModel(), standard)


def rescaled(trial: Trial, factor: float, shift: float, later: float) -> Trial:
    """The same trial in another unit, from another zero, on later days."""
    mean = np.asarray(factor * (trial.series.mean + shift), float)
    series = Series(trial.series.day + later, mean, trial.series.count)
    return Trial(series, trial.treatment, trial.many, trial.washout_days)
