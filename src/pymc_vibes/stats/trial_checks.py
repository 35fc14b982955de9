"""Checks of a trial: other models, and how far its schedule can be told from passing time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pymc_vibes.stats.trial import HalfLives, TrialFit, TrialModel, fit_trial, half_lives

_LONGEST = 7.0  # days: half-lives of the alternative with a carry-over, where none is set

INDEPENDENT = "independent days"

ALTERNATIVES: Mapping[str, Callable[[TrialModel], TrialModel]] = {
    "with a trend": lambda model: replace(model, trend=True),
    "without a trend": lambda model: replace(model, trend=False),
    "periods that differ": lambda model: replace(model, deviations=True),
    "periods alike": lambda model: replace(model, deviations=False),
    "without carry-over": lambda model: replace(model, carry_over=HalfLives()),
    "with carry-over": lambda model: (
        model if _carries(model) else replace(model, carry_over=half_lives(_LONGEST))
    ),
    "priors half as wide": lambda model: model.scaled(0.5),
    "priors twice as wide": lambda model: model.scaled(2.0),
    "state without noise": lambda model: replace(model, errors="ar1"),
    "wandering level": lambda model: replace(model, errors="level"),
    INDEPENDENT: lambda model: replace(model, errors="independent"),
}


@dataclass(frozen=True)
class OtherModel:
    """The effect of a treatment under another model."""

    name: str
    mean: float
    low: float
    high: float
    chance_above: float


def alternatives(fit: TrialFit, treatment: int, level: float) -> tuple[OtherModel, ...]:
    """Fit the same days under other models; the given one comes first."""
    fits = {"as given": fit}
    for name, change in ALTERNATIVES.items():
        model = change(fit.model)
        is_possible = model.errors != "ar1" or not fit.trial.has_shared_days
        if model != fit.model and is_possible:
            fits[name] = fit_trial(fit.trial, model, fit.standard)
    return tuple(_other(name, one, treatment, level) for name, one in fits.items())


def share_of_time(fit: TrialFit, treatment: int) -> float:
    """Give how much of a treatment's schedule a straight line in time explains, from 0 to 1.

    Of the days under that treatment or the comparator that count: 0.75 for an AB design with equal
    halves, 0.19 for ABAB.
    """
    trial = fit.trial
    here = trial.kept & np.isin(trial.treatment, (0, treatment))
    day, given = trial.series.day[here], (trial.treatment[here] == treatment).astype(float)
    return float(np.corrcoef(day, given)[0, 1] ** 2)


def _carries(model: TrialModel) -> bool:
    return max(model.carry_over.days) > 0


def _other(name: str, fit: TrialFit, treatment: int, level: float) -> OtherModel:
    effect = fit.effect(treatment)
    low, high = effect.interval(level)
    return OtherModel(
        name, float(effect.mean()[0]), float(low[0]), float(high[0]), float(effect.above(0.0)[0])
    )
