"""What the settings mean to the model: its terms, its study, and days as numbers."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from pymc_vibes.core.instant import naive
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.stats.calendars import public_holidays

if TYPE_CHECKING:
    from pymc_vibes.stats.series import Change, Window
    from pymc_vibes.stats.terms import Model


_EPOCH = date(1970, 1, 1)


def model_of(config: InterruptedConfig, window: "Window", parts: int = 1) -> "Model":
    """Give the terms that the settings ask for; `parts` of the day were seen."""
    from pymc_vibes.stats.terms import Model, log_model

    model = Model(
        day_of_week=config.include_day_of_week,
        trend=config.include_trend,
        ramp=config.effect == "drifting",
        errors=config.correlation,
        parts=parts,
        holidays=holidays_of(config, window),
        controls=config.controls,
        others=_others(config),
        after_end=window.has_end,
    )
    if config.outcome_type == "count":
        return log_model(model, config.prior_scale)
    return model.scaled(config.prior_scale)


def window_of(config: InterruptedConfig, first: float, change: float, end: float) -> "Window":
    """Give the study of the days `[first, end)`."""
    from pymc_vibes.stats.series import Window

    over = config.intervention_end
    stop = None if over is None else day_number(over)
    return Window(first, change, end, stop, config.onset_days)


def _others(config: InterruptedConfig) -> "tuple[Change, ...]":
    import numpy as np

    from pymc_vibes.stats.series import Change

    return tuple(
        Change(
            day_number(other.date),
            np.inf if other.end is None else day_number(other.end),
            other.onset_days,
        )
        for other in config.other_changes
    )


def holidays_of(config: InterruptedConfig, window: "Window") -> tuple[float, ...]:
    """List the holidays of the study, given ones and those of the country."""
    days = {day_number(instant) for instant in config.holidays}
    if config.holiday_country is not None:
        years = day_of(window.first), day_of(window.end)
        days |= public_holidays(config.holiday_country, *years)
    return tuple(sorted(day for day in days if window.first <= day < window.end))


def day_number(instant: datetime) -> float:
    """Count days from 1970-01-01 to the day of an instant, in UTC."""
    return float((naive(instant).date() - _EPOCH).days)


def day_of(number: float) -> date:
    """Give the date of a day number, 0 being 1970-01-01."""
    return date.fromordinal(_EPOCH.toordinal() + int(number))
