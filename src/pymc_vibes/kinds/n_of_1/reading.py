"""What the posterior says of the treatment in the headline: effects, chances, checks, each once."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.people import FOCUS, TrialFits
from pymc_vibes.stats.daily_effect import Judged
from pymc_vibes.stats.kept import latest
from pymc_vibes.stats.series_cells import EVERYBODY

if TYPE_CHECKING:
    from pymc_vibes.stats.curves import Curves
    from pymc_vibes.stats.special import Array
    from pymc_vibes.stats.student import StudentMixture
    from pymc_vibes.stats.trial import TrialFit
    from pymc_vibes.stats.trial_checks import OtherModel
    from pymc_vibes.stats.trial_days import Period, Trial

    type Effect = StudentMixture | Curves


@dataclass(frozen=True, eq=False)
class Reading(Judged):
    """One answer being read: of the only person, or of all together; `fit` is one to look at."""

    posterior: Posterior
    config: NOf1Config

    @cached_property
    def found(self) -> TrialFits:
        """Give everybody's fit, and what people have in common."""
        if not isinstance(self.posterior.joint, TrialFits):
            raise TypeError("trials are fitted one by one")
        return self.posterior.joint

    @cached_property
    def label(self) -> str:
        """Name the person whose days are shown: the one with the most rows that count."""
        fits = self.found.fits
        return max(fits, key=lambda label: int(fits[label].trial.kept.sum()))

    @cached_property
    def fit(self) -> "TrialFit":
        """Give the fit of the person whose days are shown."""
        return self.found.fits[self.label]

    @property
    def trial(self) -> "Trial":
        """Give the days of that person."""
        return self.fit.trial

    @property
    def people(self) -> int:
        """Count the people."""
        return len(self.found.fits)

    @property
    def comparator(self) -> str:
        """Name what is compared with, for a sentence."""
        return self.name_of(0)

    @property
    def treatment(self) -> str:
        """Name the treatment in the headline, for a sentence."""
        return self.name_of(FOCUS)

    def name_of(self, number: int) -> str:
        """Name a treatment on one line."""
        from pymc_vibes.stats.label import printable, shortened

        return shortened(printable(self.found.treatments[number]), 40)

    @property
    def whose(self) -> str:
        """Say whose days are shown, where that has a name."""
        from pymc_vibes.stats.label import printable, shortened

        is_named = self.label != EVERYBODY
        return f" of {shortened(printable(self.label), 40)}" if is_named else ""

    @cached_property
    def effect(self) -> "Effect":
        """Give the effect of the headline: of the only person, or the mean of all."""
        together = self.found.population
        return self.fit.effect(FOCUS) if together is None else together.effect_of_all

    @cached_property
    def p_next(self) -> float | None:
        """Give the probability that the next person benefits; None where there is one person."""
        together = self.found.population
        if together is None:
            return None
        above = together.next_above(0.0)
        return above if self.config.direction == "higher" else 1 - above

    @cached_property
    def day_sd(self) -> float:
        """Give the sd of a day in the outcome's unit: what is left over, on average of people."""
        import numpy as np

        squares = [
            fit.standard.spread**2 * float(fit.regression.weights @ fit.regression.variance)
            for fit in self.found.fits.values()
        ]
        return float(np.sqrt(np.mean(squares)))

    @cached_property
    def alternatives(self) -> "tuple[OtherModel, ...]":
        """Give the effect on the person shown under other models."""
        from pymc_vibes.stats.trial_checks import alternatives

        return alternatives(self.fit, FOCUS, self.config.level)

    @cached_property
    def innovations(self) -> "Array":
        """Give what a day's value differs from its forecast, standardized."""
        return self.fit.innovations

    @cached_property
    def left_over(self) -> float:
        """Give the p-value of no autocorrelation in what is left over, up to seven days."""
        from pymc_vibes.stats.placebo import ljung_box

        return ljung_box(self.innovations)

    @cached_property
    def cycles(self) -> "tuple[tuple[Period, Period], ...]":
        """Pair periods of the treatment with those of the comparator beside them."""
        from pymc_vibes.stats.trial import cycles

        return cycles(self.trial, FOCUS)

    def observed_mean(self, period: "Period") -> float | None:
        """Give the mean of the rows of a period that count; None where there are none."""
        import numpy as np

        trial = self.trial
        own = trial.kept & (trial.treatment == period.treatment)
        own &= (trial.series.day >= period.first) & (trial.series.day < period.end)
        if not own.any():
            return None
        return float(np.average(trial.series.mean[own], weights=trial.series.count[own]))

    @property
    def missing(self) -> int:
        """Count the days of the person shown without a row."""
        return len(self.trial.calendar) - len(self.trial.series.days)


reading_of = latest(Reading)
"""Give the reading of a posterior: the same one for the answer, its figures and questions."""
