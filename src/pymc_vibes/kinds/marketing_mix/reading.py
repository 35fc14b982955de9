"""A finished mix as its answer reads it: everything is computed in each draw, and summed there.

Numbers are over the fitted periods and all entities together. Large panels are read from every
n-th draw, so that a number of twenty regions costs no more memory than one of a brand.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Verdict
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.study import WITHOUT, Study, draws_of, prior_of, study_of
from pymc_vibes.stats.kept import latest

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from pymc_vibes.stats.media_effects import Contributions, MediaDraws
    from pymc_vibes.stats.special import Array

MOST_NUMBERS = 6_000_000
"""Draws times periods times channels times entities that are held at once."""
_LEAST_DRAWS = 400
PRIOR_DRAWS = 1000
"""Of the prior, for what it expects of sales."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A posterior with its settings."""

    posterior: Posterior
    config: MarketingMixConfig

    @property
    def is_trusted(self) -> bool:
        """Whether contributions and returns may be shown."""
        return self.posterior.diagnostics.converged

    @cached_property
    def uncalibrated(self) -> "Reading | None":
        """Give the same fit without its experiments; None where there are none."""
        samples = self.posterior.samples
        if samples is None or WITHOUT not in samples.children:
            return None
        before = samples[WITHOUT].to_dataset()
        return self._told_by(before, "good" if before.attrs["agreed"] else "problem")

    @cached_property
    def prior(self) -> "Reading":
        """Give what the model expects before any sales are known."""
        return self._told_by(prior_of(self.study, self.config, PRIOR_DRAWS), "good")

    def _told_by(self, chains: "xr.Dataset", verdict: Verdict) -> "Reading":
        """Give the reading of other draws of the same model for the same cells."""
        import xarray as xr

        tree = xr.DataTree.from_dict({"posterior": chains})
        diagnostics = self.posterior.diagnostics.model_copy(update={"verdict": verdict})
        other = Reading(replace(self.posterior, samples=tree, diagnostics=diagnostics), self.config)
        vars(other)["study"] = self.study
        return other

    @cached_property
    def study(self) -> Study:
        """Read the cells."""
        return study_of(self.posterior.cells, self.config)

    @property
    def channels(self) -> tuple[str, ...]:
        """Name the channels, sorted."""
        return self.study.panel.channels

    @cached_property
    def every(self) -> int:
        """Say every how many-th draw is read."""
        features, samples = self.study.features, self.posterior.samples
        if samples is None:
            raise TypeError("a marketing mix has its chains")
        draws = samples["posterior"].sizes["chain"] * samples["posterior"].sizes["draw"]
        numbers = max(len(self.channels), 1) * features.sales.size
        wanted = max(MOST_NUMBERS // numbers, _LEAST_DRAWS)
        return int(max(draws // wanted, 1))

    def by_chain(self, values: "Array") -> "Array":
        """Lay what was read from draws, `(draws,)`, out as `(chain, draw)`.

        Draws come chain after chain; where only some were read, a chain's begin within one draw.
        """
        import numpy as np

        if self.posterior.samples is None:
            raise TypeError("a marketing mix has its chains")
        chains, many = self.posterior.samples["posterior"].sizes["chain"], len(values)
        starts = [chain * many // chains for chain in range(chains)]
        return np.stack([values[start : start + many // chains] for start in starts])

    @cached_property
    def media(self) -> "tuple[MediaDraws, ...]":
        """Give the draws of each entity."""
        if self.posterior.samples is None:
            raise TypeError("a marketing mix has its chains")
        whole = draws_of(self.posterior.samples, self.study, self.config)
        return tuple(one.thinned(self.every) for one in whole)

    @property
    def activity(self) -> "tuple[Array, ...]":
        """Give activity of each entity, `(lags + periods, channels)`, as it was measured."""
        return tuple(one.activity for one in self.study.features.series)

    @cached_property
    def terms(self) -> "tuple[Array, ...]":
        """Give the terms of channels of each entity, `(draws, periods, channels)`."""
        pairs = zip(self.media, self.activity, strict=True)
        return tuple(one.terms(activity) for one, activity in pairs)

    @cached_property
    def totals(self) -> "Contributions":
        """Say what channels did in the fitted periods, summed over entities in each draw."""
        from functools import reduce

        return reduce(
            lambda total, other: total + other, map(self.totals_of, range(len(self.media)))
        )

    def totals_of(self, entity: int) -> "Contributions":
        """Say what channels did in the fitted periods of one entity."""
        from pymc_vibes.stats.media_effects import contributions

        fitted = self.study.features.fitted
        return contributions(self.media[entity].within(fitted), self.terms[entity][:, :fitted])

    @cached_property
    def gains(self) -> "Array":
        """Give what each channel's activity in the fitted periods brought, `(draws, channels)`.

        With what came after the last of them.
        """
        return self.gains_in(0, self.study.features.fitted)

    def gains_in(self, start: int, stop: int, *, factor: float = 0.0) -> "Array":
        """Give sales of activity from `start` to before `stop` beyond `factor` times it."""
        import numpy as np

        from pymc_vibes.stats.media_effects import Window, window_gains

        total = np.zeros(())
        for one, activity in zip(self.media, self.activity, strict=True):
            window = Window(activity=activity, start=start, stop=stop, usual=self.usual)
            total = total + window_gains(one, window, factor=factor)
        return total

    @property
    def usual(self) -> int:
        """Count the periods of a year, whose averages stand for what comes after the data."""
        return {"day": 365, "week": 52, "month": 12}[self.study.panel.grain]

    @cached_property
    def spend(self) -> "Array":
        """Give money spent in the fitted periods, `(channels,)`; nan where it is not known."""
        import numpy as np

        return np.asarray(self.study.spend.sum(axis=0))

    @property
    def paid(self) -> "np.ndarray":
        """Say which channels have spend."""
        import numpy as np

        return np.nan_to_num(self.spend) > 0

    @cached_property
    def roas(self) -> "Array":
        """Give sales per money spent, `(draws, channels)`; nan where no spend is known."""
        from pymc_vibes.stats.media_effects import per_money

        return per_money(self.gains, self.spend)

    @cached_property
    def marginal(self) -> "Array":
        """Give sales per additional money, were one percent more spent all along."""
        from pymc_vibes.stats.media_effects import STEP, per_money

        more = -self.gains_in(0, self.study.features.fitted, factor=1 + STEP)
        return per_money(more, STEP * self.spend)

    @cached_property
    def share(self) -> "Array":
        """Give the part of expected sales that would be lost without each channel."""
        whole = self.totals.fitted.sum(axis=1, keepdims=True)
        return self.totals.lost.sum(axis=1) / whole

    @cached_property
    def media_share(self) -> "Array":
        """Give the part of expected sales that would be lost without any media, `(draws,)`."""
        return self.totals.lost_jointly.sum(axis=1) / self.totals.fitted.sum(axis=1)

    @cached_property
    def p_baseline_negative(self) -> float:
        """Give the chance that sales without media are below zero in some period, on average."""
        return float((self.totals.rest < 0).mean())

    @cached_property
    def expected(self) -> "Array":
        """Give expected sales of all periods, held-out ones too, `(draws, periods)`."""
        return sum(
            (one.sales(one.baseline + terms.sum(2)) for one, terms in self._pairs),
            start=self.zero,
        )

    @cached_property
    def predicted(self) -> "Array":
        """Draw sales that might have been seen in all periods, `(draws, periods)`."""
        from pymc_vibes.stats.media_effects import predicted

        rng = stream(self.config.seed, "predictive")
        return sum(
            (predicted(one, one.baseline + terms.sum(2), rng) for one, terms in self._pairs),
            start=self.zero,
        )

    @property
    def zero(self) -> "Array":
        """Give the sum of nothing."""
        import numpy as np

        return np.zeros(())

    @property
    def _pairs(self) -> "zip[tuple[MediaDraws, Array]]":
        return zip(self.media, self.terms, strict=True)

    @property
    def tails(self) -> tuple[float, float]:
        """Give the quantiles that end an interval."""
        return (1 - self.config.level) / 2, (1 + self.config.level) / 2

    def ends(self, draws: "Array") -> "tuple[Array, Array]":
        """Give the equal-tailed interval over draws, the first axis; nan stays nan."""
        import numpy as np

        low, high = np.quantile(draws, self.tails, axis=0)
        return low, high

    def three(self, draws: "Array") -> "tuple[Array, Array, Array]":
        """Give mean, low and high over draws, the first axis."""
        return (draws.mean(axis=0), *self.ends(draws))


reading_of = latest(Reading)
"""Give the reading of a posterior: the same one for the answer, its figures and questions."""
