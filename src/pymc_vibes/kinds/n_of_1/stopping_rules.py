"""Rules of stopping at the looks of a trial, and what each does to it, exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.kinds.n_of_1 import planning_rules as rules
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.looks_plan import spending_of
from pymc_vibes.kinds.n_of_1.model import population_prior
from pymc_vibes.kinds.n_of_1.planning_rules import Assumed, DesignName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pymc_vibes.stats.schedules import Treatments
    from pymc_vibes.stats.stopping import Behavior, Boundaries

BAYES, SPENDING, NAIVE, ONCE = "bayesian", "alpha spending", "every look as if the only", "one look"

_DRAWS = 50  # schedules whose information is averaged


class Stopping(Parameters):
    """When the trial is to be looked at, and what is assumed of it."""

    days: int = rules.days_setting()
    look_every_days: int = setting(14, "Days from look to look.", unit="days", ge=1, le=366)
    design: DesignName | None = setting(
        None, "How the schedule is drawn. Open: as the settings say, else randomized pairs of days."
    )
    effect: float | None = rules.effect_setting()
    sd: float | None = rules.sd_setting()
    autocorrelation: float = rules.autocorrelation_setting()
    measurement_share: float = rules.share_setting()
    half_life_days: float | None = rules.half_life_setting()
    period_days: int = rules.period_setting()


@dataclass(frozen=True)
class Rules:
    """The looks of a trial, and what each rule does to it."""

    config: NOf1Config
    asked: Stopping
    assumed: Assumed
    design: DesignName
    days: tuple[int, ...]
    information: tuple[float, ...]

    @property
    def drift(self) -> float:
        """Give the expected Z at the end under the effect."""
        return float(self.assumed.effect * self.information[-1] ** 0.5)

    @cached_property
    def fractions(self) -> tuple[float, ...]:
        """Give the information of each look over that of the last."""
        return tuple(one / self.information[-1] for one in self.information)

    @cached_property
    def boundaries(self) -> "dict[str, Boundaries]":
        """Give each rule in Z."""
        from pymc_vibes.stats import stopping

        config, stop = self.config, self.config.bayes_stop
        guard = spending_of(config.monitoring)
        prior = population_prior(config, self.assumed.sd).mean
        return {
            BAYES: stopping.bayesian(
                self.fractions, self.information[-1], prior_sd=prior, benefit=stop.benefit,
                futility=stop.futility,
            ),
            SPENDING: stopping.spending(guard, self.fractions),
            NAIVE: stopping.fixed_level(self.fractions, 1 - config.monitoring.error_rate),
            ONCE: stopping.fixed_level(self.fractions[-1:], 1 - config.monitoring.error_rate),
        }  # fmt: skip

    @cached_property
    def behavior(self) -> "dict[str, tuple[Behavior, Behavior]]":
        """Give what each rule does without an effect, and with it."""
        from pymc_vibes.stats.stopping import behavior

        return {
            name: (behavior(one, 0.0), behavior(one, self.drift))
            for name, one in self.boundaries.items()
        }

    def expected_days(self, name: str, found: "Behavior") -> float:
        """Give the mean length of the trial."""
        return found.expected(self.days if name != ONCE else self.days[-1:])

    def exaggeration(self, name: str) -> float | None:
        """Give by what factor trials that stop for benefit overstate the effect on average."""
        found = self.behavior[name][1].estimate
        return None if found is None else found / self.drift


def rules_at_looks(config: NOf1Config, asked: Stopping) -> Rules:
    """Find the information of every look; looks that add none are left out."""
    name: DesignName = asked.design or ("own" if config.design else "pairs")
    assumed = rules.assumed(config, asked)
    wanted = list(range(asked.look_every_days, asked.days, asked.look_every_days))
    days: list[int] = []
    information: list[float] = []
    for day, known in zip([*wanted, asked.days], _information(config, asked, name), strict=True):
        if known > (information[-1] * 1.001 if information else 0.0):
            days.append(day)
            information.append(known)
    if not days:
        raise InsufficientData(
            f"A trial of {asked.days} days cannot tell the effect from the other terms.",
            hint="Plan more days or more changes of treatment.",
        )
    return Rules(config, asked, assumed, name, tuple(days), tuple(information))


def _information(config: NOf1Config, asked: Stopping, name: DesignName) -> Iterator[float]:
    """Give 1 / se^2 of the effect at each look, on average of schedules; 0 where there is none."""
    import numpy as np

    from pymc_vibes.stats.design import precision
    from pymc_vibes.stats.schedules import Schedules

    assumed = rules.assumed(config, asked)
    admitted = Schedules(rules.rules_of(name, asked.days, asked.period_days, config))
    every = admitted.listed() if admitted.count <= _DRAWS else admitted.draw(_DRAWS, config.seed)
    for day in [*range(asked.look_every_days, asked.days, asked.look_every_days), asked.days]:
        so_far = np.arange(every.shape[1]) < day
        try:
            found = precision(every, assumed.noise, assumed.analysis, has_data=so_far)
        except InsufficientData:  # under some schedules the treatment has not changed yet
            yield float(np.mean([_alone(one, assumed, so_far) for one in every]))
        else:
            yield float(np.mean(found.standard_error**-2.0))


def _alone(schedule: "Treatments", assumed: Assumed, has_data: "NDArray[np.bool_]") -> float:
    """Give the information of one schedule, 0 where it tells nothing yet."""
    from pymc_vibes.stats.design import precision

    try:
        found = precision(schedule[None], assumed.noise, assumed.analysis, has_data=has_data)
    except InsufficientData:
        return 0.0
    return float(found.standard_error[0] ** -2.0)
