"""Terms of an interrupted series: the columns that its days are regressed on, and their priors.

Level, weekdays, parts of the day, a straight trend, holidays and controls say what was to be
expected; other changes that happened are part of that too. The change under study has a step (the
mean effect of its days), a ramp that adds up to nothing, and, where it ended before the study did,
what stays after its end. The columns of the change come last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from pymc_vibes.stats.autoregression import Grid, fixed_grid, make_grid, state_grid
from pymc_vibes.stats.series import Change, Window
from pymc_vibes.stats.special import Array

type Errors = Literal["ar1-white", "ar1", "level", "independent"]

_THURSDAY = 3  # day 0 is 1970-01-01; weekdays count from Monday
_SLOW = 0.999  # a state that forgets within years: a wandering level
_SCALED = (
    *("weekday_sd", "part_sd", "trend_sd", "holiday_sd", "control_sd"),
    *("effect_sd", "ramp_sd"),
)

LOG_SDS = {
    "weekday_sd": 0.5, "part_sd": 0.5, "trend_sd": 0.5, "holiday_sd": 0.5, "control_sd": 0.5,
    "effect_sd": 1.0, "ramp_sd": 0.5,
}  # fmt: skip
"""Prior sds of logs of rates: an effect is within a factor of seven with 95 %."""


@dataclass(frozen=True)
class Model:
    """Terms of the model, with prior sds in units of a day's sd."""

    day_of_week: bool = True
    trend: bool = True
    ramp: bool = True
    errors: Errors = "ar1-white"
    parts: int = 1
    """Parts that a day is divided into."""
    holidays: tuple[float, ...] = ()
    controls: tuple[str, ...] = ()
    others: tuple[Change, ...] = ()
    """Other changes, whose effects are estimated beside the one under study."""
    has_effect: bool = True
    """Whether the change has columns at all; without them only what was expected is modeled."""
    after_end: bool = False
    """Something of the effect may stay when the change is over."""
    level_sd: float = 5.0
    weekday_sd: float = 1.0
    part_sd: float = 1.0
    trend_sd: float = 1.0
    """Of the change from the first to the last day."""
    holiday_sd: float = 1.0
    control_sd: float = 1.0
    """Of what one sd of a control does."""
    effect_sd: float = 3.0
    ramp_sd: float = 1.0
    """Of the change of the effect from the first to the last day of the change."""

    def scaled(self, factor: float) -> "Model":
        """Make every prior but that of the level wider or narrower."""
        return self.with_sds({name: factor * getattr(self, name) for name in _SCALED})

    def with_sds(self, sds: Mapping[str, float]) -> "Model":
        """Give the same terms with other prior sds, by name."""
        given: dict[str, Any] = dict(sds)
        return replace(self, **given)

    @cached_property
    def columns(self) -> Mapping[str, float]:
        """Name the columns in order, with their prior sds."""
        named = {"level": self.level_sd}
        if self.day_of_week:
            named |= {f"weekday_{i}": self.weekday_sd for i in range(1, 7)}
        named |= {f"part_{i}": self.part_sd for i in range(1, self.parts)}
        if self.trend:
            named["trend"] = self.trend_sd
        if self.holidays:
            named["holiday"] = self.holiday_sd
        named |= {f"control_{name}": self.control_sd for name in self.controls}
        named |= {f"change_{i}": self.effect_sd for i in range(1, len(self.others) + 1)}
        return named | (self._effects if self.has_effect else {})

    @property
    def _effects(self) -> dict[str, float]:
        named = {"step": self.effect_sd}
        if self.ramp:
            named["ramp"] = self.ramp_sd
        return named | ({"after_end": self.effect_sd} if self.after_end else {})

    @property
    def expected(self) -> int:
        """Count the columns of what was to be expected, which come first."""
        return len(self.columns) - (len(self._effects) if self.has_effect else 0)

    def at(self, column: str) -> int:
        """Give the position of a column."""
        return list(self.columns).index(column)

    @property
    def sds(self) -> Array:
        """Give the prior sds of the columns, in order."""
        return np.array(list(self.columns.values()))

    def grid(self, days: int) -> Grid:
        """Give the nodes of the correlation model."""
        if self.errors == "independent":
            return fixed_grid([0.0], [0.5])
        if self.errors == "ar1":
            return state_grid(days)
        nodes = make_grid(days)
        if self.errors == "ar1-white":
            return nodes
        share = np.unique(nodes.share)
        return fixed_grid([_SLOW] * len(share), list(share))


@dataclass(frozen=True)
class Details:
    """What a row has beside its day: contrasts of parts `(rows, parts - 1)`, and controls."""

    parts: Array
    controls: Array


def design(days: Array, window: Window, model: Model, details: Details | None = None) -> Array:
    """Give the regression columns of those days, `(days, coefficients)`.

    Without `details` a row is that of a day with all parts alike and controls at their means.
    """
    days = np.asarray(days, dtype=float)
    told = details or Details(
        np.zeros((len(days), model.parts - 1)), np.zeros((len(days), len(model.controls)))
    )
    columns = [np.ones(len(days))]
    if model.day_of_week:
        columns += list(contrasts(7)[(days.astype(int) + _THURSDAY) % 7].T)
    columns += list(told.parts.T)
    if model.trend:
        middle, length = (window.first + window.end - 1) / 2, window.end - 1 - window.first
        columns.append((days - middle) / length)
    if model.holidays:
        columns.append(np.isin(days, model.holidays).astype(float))
    columns += list(told.controls.T)
    columns += [other.weight(days) for other in model.others]
    effects = _effects(days, window, model) if model.has_effect else []
    return np.column_stack([*columns, *effects])


def _effects(days: Array, window: Window, model: Model) -> list[Array]:
    weight = window.studied.weight(days)
    columns = [weight]
    if model.ramp:
        columns.append(weight * ramp(days, window.change, window.over))
    if model.after_end:
        columns.append((days >= window.over).astype(float))
    return columns


def ramp(days: Array, change: float, end: float) -> Array:
    """Rise from -1/2 to 1/2 over the days of the change; a single day has no slope."""
    return np.asarray((days - change) / max(end - 1 - change, 1.0) - 0.5)


def contrasts(many: int) -> Array:
    """Give `many - 1` orthonormal contrasts, `(many, many - 1)`: none is the reference."""
    helmert = np.zeros((many, many - 1))
    for i in range(many - 1):
        helmert[: i + 1, i] = 1.0
        helmert[i + 1, i] = -(i + 1.0)
    return helmert / np.sqrt((helmert**2).sum(axis=0))


def log_model(model: Model, factor: float = 1.0) -> Model:
    """Give the same terms with prior sds for logs of rates."""
    return model.with_sds({name: factor * sd for name, sd in LOG_SDS.items()})
