"""What the settings mean to the model: its terms, and days as numbers."""

from datetime import datetime
from typing import TYPE_CHECKING

from pymc_vibes.core.instant import naive
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig

if TYPE_CHECKING:
    from pymc_vibes.stats.terms import Model


def model_of(config: InterruptedConfig) -> "Model":
    """Give the terms that the settings ask for."""
    from pymc_vibes.stats.terms import Model

    model = Model(
        day_of_week=config.include_day_of_week,
        trend=config.include_trend,
        ramp=config.effect == "drifting",
        errors=config.correlation,
    )
    return model.scaled(config.prior_scale)


def day_number(instant: datetime) -> float:
    """Count days from 1970-01-01 to the day of an instant, in UTC."""
    return float((naive(instant) - datetime(1970, 1, 1)).days)  # noqa: DTZ001  # naive is UTC
