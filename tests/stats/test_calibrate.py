"""What calibration does with draws that repeat each other, and with fits that failed."""

import numpy as np
import pyarrow as pa
import xarray as xr

from pymc_vibes.core.answer import Diagnostics, Verdict
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.stats.calibrate import distance, dkw_bound, least_distance, sbc_ranks
from pymc_vibes.stats.draws import Draws

CHAINS, DRAWS = 4, 250
STICKY = 0.97  # correlation from draw to draw: a chain of 250 is worth four independent draws


def truth(rng: np.random.Generator) -> xr.Dataset:
    return xr.Dataset({"rate": rng.normal()})


def posterior(values: np.ndarray, verdict: Verdict = "good") -> Posterior:
    rate = Variable(
        name="rate", dim=None, labels=("rate",), unit="", distribution=Draws(values[:, :, None])
    )
    return Posterior(
        method="nuts",
        variables=(rate,),
        cells=pa.table({}),
        constants={},
        diagnostics=Diagnostics(method="nuts", verdict=verdict),
    )


def sticky(rng: np.random.Generator) -> np.ndarray:
    """Give chains that have the right distribution and hardly move."""
    values = rng.normal(size=(CHAINS, DRAWS))
    for step in range(1, DRAWS):
        fresh = np.sqrt(1 - STICKY**2) * values[:, step]
        values[:, step] = STICKY * values[:, step - 1] + fresh
    return values


def test_places_among_draws_that_repeat_each_other_are_uniform() -> None:
    found = sbc_ranks(truth, lambda _, rng: posterior(sticky(rng)), worlds=800, seed=1)["rate"]

    assert distance(found) < dkw_bound(800)
    # beyond all of a thousand draws would be one truth in ten, were they not thinned; it is 3 of
    # 800, and more than 24 of 800 have a chance below 1e-12
    assert np.mean((found < 0.002) | (found > 0.998)) < 0.03


def test_places_among_independent_draws_are_uniform() -> None:
    def learn(_: xr.Dataset, rng: np.random.Generator) -> Posterior:
        return posterior(rng.normal(size=(CHAINS, DRAWS)))

    found = sbc_ranks(truth, learn, worlds=300, seed=2)

    assert distance(found["rate"]) < dkw_bound(300)


def test_a_failed_fit_may_have_its_truth_anywhere() -> None:
    def learn(world: xr.Dataset, rng: np.random.Generator) -> Posterior:
        failed = abs(float(world["rate"])) > 2
        return posterior(rng.normal(size=(CHAINS, DRAWS)), "problem" if failed else "good")

    found = sbc_ranks(truth, learn, worlds=2000, seed=3)["rate"]

    assert 0.02 < np.isnan(found).mean() < 0.08
    assert np.isnan(distance(found))
    assert least_distance(found) < dkw_bound(2000)
    assert least_distance(found[~np.isnan(found)] ** 3) > dkw_bound(len(found))


def test_unknown_places_leave_the_least_distance_of_any() -> None:
    rng = np.random.default_rng(4)
    known = rng.uniform(size=40) ** 2
    found = np.append(known, [np.nan] * 3)

    placed = [distance(np.append(known, rng.uniform(size=3))) for _ in range(2000)]

    assert least_distance(found) <= min(placed)
    assert least_distance(found) > distance(known) - 4 / 40
