"""What the posterior says of the person in focus: effects, chances, checks, each computed once."""

import datetime
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.interrupted_series.cells import PART_HOURS
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.fit import SeriesFits
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.sampled import sampled_fits
from pymc_vibes.stats.daily_effect import Judged
from pymc_vibes.stats.kept import latest
from pymc_vibes.stats.series_cells import EVERYBODY

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.interrupted import Effect, Fit
    from pymc_vibes.stats.marginals import Marginals
    from pymc_vibes.stats.placebo import Alternative, Placebos


@dataclass(frozen=True, eq=False)
class Reading(Judged):
    """One answer being read; `label` is the person that it is about."""

    posterior: Posterior
    config: InterruptedConfig

    @cached_property
    def fits(self) -> SeriesFits:
        """Give everybody's fit; of chains it is put together again."""
        if isinstance(self.posterior.joint, SeriesFits):
            return self.posterior.joint
        fits = sampled_fits(self.posterior, self.config)
        return SeriesFits(fits, self.config.window_days)

    @cached_property
    def label(self) -> str:
        """Name the person in focus: the one with the most observed days."""
        fits = self.fits.fits
        return max(fits, key=lambda label: len(fits[label].series.days))

    @cached_property
    def fit(self) -> "Fit":
        """Give the fit of the person in focus."""
        return self.fits.fits[self.label]

    @property
    def whose(self) -> str:
        """Say whose outcome it is, where that has a name."""
        return "" if self.label == EVERYBODY else f" of {self.label}"

    @property
    def sum_unit(self) -> str:
        """Give the unit of a sum over days."""
        unit = self.config.outcome_unit or self.config.outcome_name
        return unit if self.config.outcome_type == "count" else f"{unit} x days"

    @cached_property
    def date(self) -> datetime.date:
        """Give the first day after the change."""
        return day_of(self.fit.window.change)

    @cached_property
    def dates(self) -> list[datetime.date]:
        """Give the first day after the change, and the first one after its end, if it ended."""
        window = self.fit.window
        return [self.date, day_of(window.over)] if window.has_end else [self.date]

    @property
    def while_it_lasted(self) -> str:
        """Say of which days the average effect is."""
        if len(self.dates) == 1:
            return f"since {self.date.isoformat()}"
        last = day_of(self.fit.window.over - 1)
        return f"from {self.date.isoformat()} to {last.isoformat()}"

    def effect_of(self, name: "Effect") -> "Marginals":
        """Give an effect of the person in focus, as the mean of its days."""
        return self.fit.effect(name, self.config.window_days)

    @cached_property
    def effect(self) -> "Marginals":
        """Give the average effect of the person in focus: the one of the headline."""
        return self.effect_of("average")

    @property
    def day_sd(self) -> float:
        """Give the sd of a day around its level."""
        return self.fit.noise_sd

    def middle(self, told: "Marginals") -> float:
        """Give what sentences call its size: the mean, or the median of rates, which have tails."""
        found = told.quantile(0.5) if self.fit.effect_is_relative else told.mean()
        return float(found[0])

    @cached_property
    def compared(self) -> "Fit":
        """Give the fit whose effect is compared with those of pretended dates."""
        return self.fit.for_placebos()

    @cached_property
    def placebos(self) -> "Placebos":
        """Give the effects at dates of the baseline, where nothing changed."""
        from pymc_vibes.stats.placebo import placebos

        return placebos(self.compared, self.config.min_days)

    @cached_property
    def placebo_rank(self) -> float | None:
        """Give the share of dates that look at least as much like a change, the real one counted.

        None where there are too few for a rank that says anything.
        """
        real = self.compared.effect("average", self.config.window_days)
        score = float(real.mean()[0] / real.sd()[0])
        return self.placebos.rank(score) if len(self.placebos.change) >= 5 else None

    @cached_property
    def alternatives(self) -> "tuple[Alternative, ...]":
        """Give the average effect under other models and of fewer days."""
        from pymc_vibes.stats.placebo import alternatives

        return alternatives(self.fit, self.config.level, self.config.min_days)

    @cached_property
    def innovations(self) -> "np.ndarray":
        """Give what a day's value differs from its forecast, standardized."""
        return self.fit.innovations()

    @cached_property
    def left_over(self) -> float:
        """Give the p-value of no autocorrelation in what is left over, up to seven days."""
        from pymc_vibes.stats.placebo import ljung_box

        return ljung_box(self.innovations)

    @property
    def quarters(self) -> list[str]:
        """Name the parts of the day that were seen of the person in focus."""
        parts = self.posterior.constants["parts"][self.label]
        return [f"{PART_HOURS * i:02d}:00 to {PART_HOURS * (i + 1):02d}:00" for i in parts]

    @property
    def missing(self) -> tuple[int, int]:
        """Count the days without a row before and after the change."""
        window, series = self.fit.window, self.fit.series
        before = len(series.between(window.first, window.change).days)
        after = len(series.between(window.change, window.over).days)
        return int(window.change - window.first) - before, window.days_after - after


reading_of = latest(Reading)
"""Give the reading of a posterior: the same one for the answer, its figures and its lift."""
