"""What answers read off a posterior: quasi-random points of it, and their quantities."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pymc_vibes.core.answer import Claim, Decision, Estimate, Interval
from pymc_vibes.core.errors import EntityNotFound
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes_survival.cells import Followed, followed
from pymc_vibes_survival.hazards import Hazards
from pymc_vibes_survival.model import Lives
from pymc_vibes_survival.settings import SurvivalConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

MOST_DRAWN = 7  # groups in a figure: as many as there are colors


@dataclass(frozen=True, eq=False)
class Reading:
    """A posterior as the answers read it."""

    posterior: Posterior
    config: SurvivalConfig

    @property
    def lives(self) -> Lives:
        """Give the joint posterior."""
        return cast("Lives", self.posterior.joint)

    @cached_property
    def groups(self) -> Mapping[str, Followed]:
        """Map each group to its units."""
        return followed(self.posterior.cells)

    @cached_property
    def horizons(self) -> tuple[float, ...]:
        """Give the times of interest; by default the longest follow-up that all groups have."""
        known = [group.last for group in self.groups.values() if group.last > 0]
        return tuple(sorted(self.config.horizons)) or (min(known),)

    def points(self, *names: str) -> list[Hazards]:
        """Give quasi-random hazards of some groups, whose rows belong together."""
        from scipy.stats.qmc import Sobol

        lives, width = self.lives, self.lives.width
        if unknown := [name for name in names if name not in lives.groups]:
            raise EntityNotFound(
                f"There is no group {unknown[0][:80]!r} in the data.",
                hint=f"There are: {', '.join(lives.groups[:10])}.",
            )
        sobol = Sobol(len(names) * width, rng=stream(self.config.seed, "points"))
        drawn = sobol.random_base2(max(8, self.config.draws.bit_length() - 1)).clip(
            1e-12, 1 - 1e-12
        )
        parts = [drawn[:, i * width : (i + 1) * width] for i in range(len(names))]
        return [lives.place(lives.groups.index(n), p) for n, p in zip(names, parts, strict=True)]

    def estimate(self, name: str, label: str, values: "Array", **words: Any) -> Estimate:
        """Give a quantity by its values at the points."""
        from pymc_vibes.stats.describe import estimate
        from pymc_vibes.stats.draws import Draws

        return estimate(name, label, Draws(values[None, :, None]), level=self.config.level, **words)

    def of_group(self, name: str) -> tuple[Estimate, ...]:
        """Give restricted mean, median and survival of one group."""
        import numpy as np

        [hazards] = self.points(name)
        end, unit, far = self.horizons[-1], self.config.unit, 1e15
        mean = self.estimate(
            "restricted mean",
            f"{name}, mean of the first {end:g} {unit}",
            hazards.restricted(end),
            unit=unit,
        )
        median = self.estimate(
            "median", f"{name}, median", np.minimum(hazards.times(np.log(2)), far), unit=unit
        )
        low, high = (
            float(x) for x in (median.intervals[0].low or 0, median.intervals[0].high or 0)
        )
        bounds = Interval(
            low=low, high=high if high < far else None, prob=self.config.level, kind="eti"
        )
        # of a time until an event that may never come there is no mean to be had
        told = {"mean": None, "sd": None, "interval": bounds, "intervals": (bounds,)}
        chances = zip(self.horizons, hazards.survival(np.array(self.horizons)).T, strict=True)
        later = [
            self.estimate("survival", f"{name}, survival of {t:g} {unit}", drawn, percent=True)
            for t, drawn in chances
        ]
        return (mean, median.model_copy(update=told), *later)

    def compared(
        self, first: str, second: str, end: float
    ) -> "tuple[Claim, Decision, Array, Array]":
        """Compare the restricted means of two groups: in words, and their values at the points."""
        from pymc_vibes.stats.decide import compare_decision, compare_sentence

        a, b = (hazards.restricted(end) for hazards in self.points(first, second))
        greater, level = float((a > b).mean()), self.config.level
        quantity = f"mean time without the event in the first {end:g} {self.config.unit}"
        claim = compare_sentence(first, second, greater, level, quantity=quantity)
        decision = compare_decision(first, second, greater, level, quantity=quantity)
        return claim, decision, a, b
