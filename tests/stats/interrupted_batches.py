"""Many interrupted series of the same days at once: the engine's own steps, filtered in one pass.

Days, gaps and model are shared, so the filter takes the series as columns beside the design. What
it gives for one of them is exactly `fit_series` (there is a test of that).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.autoregression import Whitened, regress, whiten
from pymc_vibes.stats.interrupted import Fit, prior_of
from pymc_vibes.stats.series import Series, Window, standard_of
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import Model, design
from tests.stats.interrupted_worlds import FIRST

BATCH = 50


@dataclass(frozen=True)
class World:
    """Days with a weekday pattern and noise of variance 1; a share of it is an AR(1) state."""

    phi: float
    days: int = 90
    share: float = 1.0
    missing: float = 0.0
    drift: float = 0.0
    """Rise from the first day to the last, in sds of a day."""
    effect: float = 0.0

    @property
    def window(self) -> Window:
        return Window(FIRST, FIRST + self.days // 2, FIRST + self.days)

    def batch(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw observed days, `(days,)`, and that many values of each series, `(days, BATCH)`."""
        steps = rng.standard_normal((self.days, BATCH))
        steps[1:] *= np.sqrt(1 - self.phi**2)
        for day in range(1, self.days):
            steps[day] += self.phi * steps[day - 1]
        white = rng.standard_normal((self.days, BATCH))
        at = np.arange(self.days)
        level = np.sin(2 * np.pi * at / 7) + self.drift * at / (self.days - 1)
        level = level + self.effect * (at >= self.days // 2)
        noise = np.sqrt(self.share) * steps + np.sqrt(1 - self.share) * white
        kept = rng.random(self.days) >= self.missing
        kept[[0, -1]] = True
        return FIRST + at[kept], (level[:, None] + noise)[kept]


def fits(day: Array, values: Array, window: Window, model: Model) -> Iterator[Fit]:
    """Fit each column of `values`, standardized by its own baseline as the kind does it."""
    count = np.ones(len(day))
    series = [Series(day, column, count) for column in values.T]
    found = [standard_of(one.between(window.first, window.change)) for one in series]
    standards = [standard for standard in found if standard is not None]
    center = np.array([standard.center for standard in standards])
    spread = np.array([standard.spread for standard in standards])
    columns = design(day, window, model)
    many = columns.shape[1]
    together = np.column_stack([columns, (values - center) / spread])
    whole = whiten(day, count, together, model.grid(len(day)))
    for index, (one, standard) in enumerate(zip(series, standards, strict=True)):
        kept = [*range(many), many + index]
        whitened = Whitened(whole.grid, whole.values[:, :, kept], whole.log_determinant)
        yield Fit(one, window, model, standard, regress(whitened, prior_of(model, standard)))


@dataclass(frozen=True)
class Tally:
    """What intervals of the average effect did in many series."""

    series: int
    held: int
    """How many held the true effect."""
    width: float
    """Their mean width, in sds of a day."""

    @property
    def missed(self) -> int:
        """How many did not hold the truth: false alarms, where there is no effect."""
        return self.series - self.held

    @property
    def coverage(self) -> float:
        return self.held / self.series


def tally(world: World, series: int, *, seed: int) -> Tally:
    """Analyze that many series of a world, in whole batches, with 95 % intervals."""
    batches = -(-series // BATCH)
    held, width = 0, 0.0
    for number in range(batches):
        rng = np.random.default_rng([seed, number, round(100 * world.phi), world.days])
        day, values = world.batch(rng)
        for fit in fits(day, values, world.window, Model()):
            low, high = fit.effect("average", 7).interval(0.95)
            held += bool(low[0] <= world.effect <= high[0])
            width += float(high[0] - low[0])
    return Tally(batches * BATCH, held, width / (batches * BATCH))
