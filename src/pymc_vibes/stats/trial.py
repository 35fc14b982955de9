"""One person's trial: the effect of each treatment against the comparator, shared by all periods.

    y = level + weekday + trend + sum_k effect_k exposure_k(t) + deviation_period + a_t + e

The regression of `autoregression`, in units of the spread of the comparator's days. An exposure is
1 under its treatment and then halves every half-life; where that is not known it has a prior on a
grid, and every half-life counts by its evidence. Periods differ around what they share by normal
deviations of a small sd, so that the effect is what the periods have in common.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.autoregression import Grid, Prior, Regression, Whitened, regress, whiten
from pymc_vibes.stats.series import Standard
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture
from pymc_vibes.stats.terms import Errors, contrasts
from pymc_vibes.stats.terms import Model as Terms
from pymc_vibes.stats.trial_days import Period, Trial

SHORTEST_HALF_LIFE = 0.25  # days: after one day a sixteenth is left, which no trial can tell from 0
_HALF_LIVES = 8
_LEAST_PERIOD = 3  # days: the mean of fewer is the noise of single days
_MOST_PERIODS = 60
_THURSDAY = 3  # day 0 is 1970-01-01; weekdays count from Monday
_NEGLIGIBLE = 1e-5


@dataclass(frozen=True)
class HalfLives:
    """What is thought of the half-life: nodes in days with the log of their prior weight."""

    days: tuple[float, ...] = (0.0,)
    log_weight: tuple[float, ...] = (0.0,)


def half_lives(longest: float) -> HalfLives:
    """Place nodes of a half-life whose log is uniform between a quarter of a day and `longest`."""
    at, weight = special.rule(1, _HALF_LIVES)
    days = SHORTEST_HALF_LIFE * (longest / SHORTEST_HALF_LIFE) ** at
    return HalfLives(tuple(days), tuple(np.log(weight)))


@dataclass(frozen=True)
class TrialModel:
    """Terms of the model, with prior sds in units of a day's sd."""

    day_of_week: bool = False
    trend: bool = True
    deviations: bool = True
    errors: Errors = "ar1-white"
    carry_over: HalfLives = field(default_factory=HalfLives)
    level_sd: float = 5.0
    weekday_sd: float = 1.0
    trend_sd: float = 1.0
    """Of the change from the first to the last day."""
    deviation_sd: float = 0.15
    """Small, so that the effect is what periods share: of four periods it adds 0.15 to the sd."""
    effect_sd: float = 3.0

    def scaled(self, factor: float) -> "TrialModel":
        """Make every prior but that of the level wider or narrower."""
        names = ("weekday_sd", "trend_sd", "deviation_sd", "effect_sd")
        return replace(self, **{name: factor * getattr(self, name) for name in names})

    def deviating(self, trial: Trial) -> tuple[Period, ...]:
        """List the periods that may deviate; very short ones or very many are left to the noise."""
        long = tuple(p for p in trial.periods if p.counted >= _LEAST_PERIOD)
        return long if self.deviations and len(long) <= _MOST_PERIODS else ()

    def columns(self, trial: Trial) -> Mapping[str, float]:
        """Name the columns in order, with their prior sds; the effects come last."""
        named = {"level": self.level_sd}
        if self.day_of_week:
            named |= {f"weekday_{i}": self.weekday_sd for i in range(1, 7)}
        if self.trend:
            named["trend"] = self.trend_sd
        named |= {f"period_{p.number}": self.deviation_sd for p in self.deviating(trial)}
        return named | {f"effect_{k}": self.effect_sd for k in range(1, trial.many)}

    def grid(self, days: int) -> Grid:
        """Give the nodes of the correlation model."""
        return Terms(errors=self.errors).grid(days)

    def shared(self, days: Array, trial: Trial) -> Array:
        """Give the columns of those days but the effects, `(days, coefficients)`."""
        columns = [np.ones(len(days))]
        if self.day_of_week:
            columns += list(contrasts(7)[(days.astype(int) + _THURSDAY) % 7].T)
        if self.trend:
            middle, length = (trial.first + trial.end - 1) / 2, trial.end - 1 - trial.first
            columns.append((days - middle) / max(length, 1.0))
        of_day = trial.period_of[trial.days_of(days)]
        columns += [(of_day == p.number).astype(float) for p in self.deviating(trial)]
        return np.column_stack(columns)


@dataclass(frozen=True)
class TrialFit:
    """The posterior of one person's trial: the regressions of all half-lives, one by one."""

    trial: Trial
    model: TrialModel
    standard: Standard
    regression: Regression
    """Its nodes are those of all half-lives."""
    half_life: Array
    """Days, of every node."""

    @cached_property
    def names(self) -> Mapping[str, int]:
        """Give the position of every column."""
        return {name: i for i, name in enumerate(self.model.columns(self.trial))}

    def effect(self, treatment: int) -> StudentMixture:
        """Give the effect of a treatment in full against the comparator, in the outcome's unit."""
        return self.difference({f"effect_{treatment}": 1.0})

    def difference(self, weights: Mapping[str, float]) -> StudentMixture:
        """Give a sum of coefficients that does not hold the level."""
        return self.regression.functional(self._row(weights)).moved(
            self.standard.spread, np.zeros(1)
        )

    def expected(self, days: Array) -> StudentMixture:
        """Give the expected outcome of calendar days under what was given."""
        return self._by_half_life(lambda life: self._rows(days, life))

    def expected_under(self, treatment: int, days: Array) -> StudentMixture:
        """Give the expected outcome of days if one treatment were given all the time."""
        rows = np.zeros((len(days), len(self.names)))
        shared = self.model.shared(days, self.trial)
        rows[:, : shared.shape[1]] = shared
        rows[:, [i for name, i in self.names.items() if name.startswith("period_")]] = 0.0
        if treatment:
            rows[:, self.names[f"effect_{treatment}"]] = 1.0
        return self._by_half_life(lambda _: rows)

    def period_level(self, period: Period) -> StudentMixture:
        """Give the mean expected outcome of the days of a period that count."""
        days = np.arange(period.first, period.end)
        counted = days[self.trial.counts[self.trial.days_of(days)]]
        return self._by_half_life(
            lambda life: self._rows(counted, life).mean(axis=0, keepdims=True)
        )

    def cycle_effect(self, treated: Period, compared: Period) -> StudentMixture:
        """Give the effect in one pair of periods: the shared one and their deviations."""
        weights = {f"effect_{treated.treatment}": 1.0}
        named = {f"period_{treated.number}": 1.0, f"period_{compared.number}": -1.0}
        return self.difference(weights | {n: w for n, w in named.items() if n in self.names})

    @cached_property
    def chance_of_half_life(self) -> tuple[Array, Array]:
        """Give the half-lives of the grid in days, and the chance of each."""
        days, at = np.unique(self.half_life, return_inverse=True)
        return days, np.bincount(at, weights=self.regression.weights)

    def half_life_quantile(self, q: float) -> float:
        """Give a quantile of the half-life in days: mass lies evenly between nodes, in its log."""
        lives, chance = self.chance_of_half_life
        prior = dict(zip(self.model.carry_over.days, self.model.carry_over.log_weight, strict=True))
        width = np.exp([prior[float(life)] for life in lives])
        edges = np.concatenate([[0.0], np.cumsum(width)])
        place = np.interp(q, np.concatenate([[0.0], np.cumsum(chance)]), edges)
        centers = (edges[1:] + edges[:-1]) / 2
        return float(np.exp(np.interp(place, centers, np.log(lives))))

    @property
    def effective_nodes(self) -> float:
        """Say over how many nodes the weight is spread."""
        return float(1 / (self.regression.weights**2).sum())

    def near_unit_root(self, phi: float = 0.99) -> float:
        """Give the probability that the state hardly forgets: phi above that value."""
        return float(self.regression.weights[self.regression.grid.phi > phi].sum())

    def draw(self, treatment: int, n: int, rng: np.random.Generator) -> Array:
        """Draw the effect of a treatment, `(n,)`."""
        drawn = self.regression.draw(n, rng)[:, self.names[f"effect_{treatment}"]]
        return np.asarray(self.standard.spread * drawn)

    @cached_property
    def innovations(self) -> Array:
        """Give the standardized one-step prediction errors, at the likeliest half-life."""
        days, chance = self.chance_of_half_life
        life = float(days[np.argmax(chance)])
        here = self.half_life == life
        regression, weights = self.regression, self.regression.weights[here]
        grid = regression.grid
        nodes = Grid(grid.phi[here], grid.share[here], grid.log_weight[here])
        values = _whitened(self.trial, self.model, self.standard, nodes, (life,)).values
        left = values[:, :, -1] - np.einsum("gti,gi->gt", values[:, :, :-1], regression.mean[here])
        return np.asarray(weights @ left / weights.sum())

    def _row(self, weights: Mapping[str, float]) -> Array:
        row = np.zeros((1, len(self.names)))
        for name, weight in weights.items():
            row[0, self.names[name]] = weight
        return row

    def _rows(self, days: Array, half_life: float) -> Array:
        exposure = self.trial.exposure(half_life)[:, self.trial.days_of(days)]
        return np.column_stack([self.model.shared(days, self.trial), exposure.T])

    def _by_half_life(self, rows_of: Callable[[float], Array]) -> StudentMixture:
        """Give `rows @ coefficients` where the rows depend on the half-life of the node."""
        parts = []
        for life in np.unique(self.half_life):
            here = self.half_life == life
            rows = rows_of(float(life))
            found = _nodes(self.regression, here).functional(rows)
            parts.append(found.moved(self.standard.spread, self.standard.center * rows[:, 0]))
        return StudentMixture(
            df=parts[0].df,
            weights=np.concatenate([part.weights for part in parts], axis=1),
            loc=np.concatenate([part.loc for part in parts], axis=1),
            scale=np.concatenate([part.scale for part in parts], axis=1),
        )


def fit_trial(trial: Trial, model: TrialModel, standard: Standard) -> TrialFit:
    """Fit one person's trial; every half-life counts by its prior and its evidence."""
    lives = model.carry_over.days
    grid = model.grid(len(np.unique(trial.series.day[trial.kept])))
    whitened = _whitened(trial, model, standard, grid, lives)
    prior = Prior(np.array(list(model.columns(trial).values())), weight=standard.weight)
    active = trial.many - 1
    shared = whitened.values.shape[2] - 1 - active * len(lives)
    found = []
    for i in range(len(lives)):
        others = [shared + j for j in range(active * len(lives)) if j // active != i]
        found.append(regress(whitened.without(others), prior))
    log = np.array([one.log_evidence for one in found]) + np.array(model.carry_over.log_weight)
    return _mixed(trial, model, standard, found, log)


def _mixed(
    trial: Trial, model: TrialModel, standard: Standard, found: list[Regression], log: Array
) -> TrialFit:
    odds = np.exp(log - log.max())
    chance = odds / odds.sum()
    kept = [i for i in range(len(found)) if chance[i] > _NEGLIGIBLE]
    parts = [found[i] for i in kept]
    weights = np.concatenate([chance[i] * found[i].weights for i in kept])
    regression = Regression(
        grid=Grid(
            np.concatenate([part.grid.phi for part in parts]),
            np.concatenate([part.grid.share for part in parts]),
            np.concatenate([part.grid.log_weight for part in parts]),
        ),
        weights=weights / weights.sum(),
        mean=np.concatenate([part.mean for part in parts]),
        covariance=np.concatenate([part.covariance for part in parts]),
        variance=np.concatenate([part.variance for part in parts]),
        df=parts[0].df,
        log_evidence=float(log.max() + np.log(odds.sum())),
    )
    many = [len(part.weights) for part in parts]
    life = np.repeat(np.array(model.carry_over.days)[kept], many)
    return TrialFit(trial, model, standard, regression, life)


def _whitened(
    trial: Trial, model: TrialModel, standard: Standard, grid: Grid, lives: tuple[float, ...]
) -> Whitened:
    """Filter the shared columns, the exposures under every half-life, and the series."""
    kept = trial.kept
    days, count = trial.series.day[kept], trial.series.count[kept]
    exposures = [trial.row_exposure(life)[:, kept].T for life in lives]
    value = (trial.series.mean[kept] - standard.center) / standard.spread
    columns = np.column_stack([model.shared(days, trial), *exposures, value])
    return whiten(days, count, columns, grid)


def _nodes(regression: Regression, here: NDArray[np.bool_]) -> Regression:
    grid = regression.grid
    return replace(
        regression,
        grid=Grid(grid.phi[here], grid.share[here], grid.log_weight[here]),
        weights=regression.weights[here],
        mean=regression.mean[here],
        covariance=regression.covariance[here],
        variance=regression.variance[here],
    )


def cycles(trial: Trial, treatment: int) -> tuple[tuple[Period, Period], ...]:
    """Pair the periods of a treatment with those of the comparator next to them, each used once.

    Gives (treated, compared) in the order of time.
    """
    own = [p for p in trial.periods if p.treatment in {0, treatment} and p.counted]
    found: list[tuple[Period, Period]] = []
    used = -1
    for one, other in pairwise(own):
        if one.number > used and one.treatment != other.treatment:
            pair = (one, other) if one.treatment == treatment else (other, one)
            found.append(pair)
            used = other.number
    return tuple(found)
