"""The truth lies anywhere in its posterior alike, and no difference is rarely called one.

Places of parameters are held to the bound of Dvoretzky, Kiefer and Wolfowitz with a false-alarm
rate of at most 1e-6 for each of them: 200 worlds see a shift of half a sd, 4 000 one of a tenth.
"""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from bench import counted
from pymc_vibes_survival.reading import Reading
from pymc_vibes_survival.settings import Piecewise, SurvivalConfig, Weibull
from pymc_vibes_survival.survival import kind
from scipy import stats

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks

MODELS = {
    "weibull": Weibull(),
    "rising": Weibull(shape_median=2.0, shape_log_sd=0.2),
    "constant": Piecewise(cuts=()),
    "piecewise": Piecewise(cuts=(30.0, 90.0)),
}


def config_of(model: str, **more: Any) -> SurvivalConfig:
    return SurvivalConfig(model=MODELS[model], typical=100.0, weight=3.0, horizons=(60.0,), **more)


def fitted(truth: xr.Dataset, config: SurvivalConfig, size: int, rng: Any) -> Posterior:
    return kind.fit(counted(kind.simulate(truth, size, rng)), config, NOBODY)


def true_survival(truth: xr.Dataset, group: str, t: float) -> float:
    """The chance of no event up to `t` in a group of a world, by its formula."""
    at = ("control", "treated").index(group)
    if "shape" in truth:
        shape, hazard = float(truth["shape"][at]), float(truth["hazard"][at])
        return float(np.exp(-hazard * (t / 100) ** shape))
    starts = np.array([0.0, *truth.attrs["cuts"]])
    spent = np.clip(t - starts, 0, np.append(np.diff(starts), np.inf))
    return float(np.exp(-truth["rate"].to_numpy().reshape(2, -1)[at] @ spent))


def assert_parameters_calibrated(model: str, size: int, worlds: int) -> None:
    config = config_of(model)
    places = sbc_ranks(
        lambda rng: kind.truth(config, rng),
        lambda truth, rng: fitted(truth, config, size, rng),
        worlds=worlds,
        seed=size,
    )
    for values in places.values():
        assert distance(values) < dkw_bound(worlds, alpha=1e-6)


def places_of_survival(model: str, size: int, worlds: int, *, taken_for: str) -> np.ndarray:
    config, places = config_of(taken_for, draws=1024), []
    for seed in range(worlds):
        rng = np.random.default_rng([seed, size])
        truth = kind.truth(config_of(model), rng)
        reading = Reading(fitted(truth, config, size, rng), config)
        group = reading.lives.groups[0]  # in a small world one of them may have no unit
        drawn = reading.points(group)[0].survival(np.array([60.0]))[:, 0]
        below = (drawn < true_survival(truth, group, 60.0)).sum()
        places.append((below + rng.uniform()) / (len(drawn) + 1))
    return np.array(places)


def assert_survival_calibrated(model: str, size: int, worlds: int) -> None:
    places = places_of_survival(model, size, worlds, taken_for=model)
    assert distance(places) < dkw_bound(worlds, alpha=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_parameters_are_calibrated(model: str) -> None:
    assert_parameters_calibrated(model, size=60, worlds=200)


@pytest.mark.parametrize("model", MODELS)
def test_survival_is_calibrated(model: str) -> None:
    assert_survival_calibrated(model, size=60, worlds=200)


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 500])
@pytest.mark.parametrize("model", MODELS)
def test_everything_is_calibrated_over_many_worlds(model: str, size: int) -> None:
    assert_parameters_calibrated(model, size=size, worlds=4000)
    assert_survival_calibrated(model, size=size, worlds=4000)


def test_a_wrong_model_of_censoring_would_be_seen() -> None:
    """Hold the check itself: who takes every lost unit for an event is not calibrated."""
    config = config_of("constant")

    def careless(truth: xr.Dataset, rng: np.random.Generator) -> Posterior:
        events = kind.simulate(truth, 60, rng)
        seen = np.ones(60, dtype=bool)
        events = events.set_column(events.column_names.index("observed"), "observed", [seen])
        return kind.fit(counted(events), config, NOBODY)

    places = sbc_ranks(lambda rng: kind.truth(config, rng), careless, worlds=200, seed=1)

    assert distance(places["rate"]) > dkw_bound(200, alpha=1e-6)


def test_a_wrong_hazard_would_be_seen() -> None:
    """Hold the check of survival itself: a rising hazard is not constant."""
    places = places_of_survival("rising", 60, 200, taken_for="constant")

    assert distance(places) > dkw_bound(200, alpha=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_the_truth_is_recovered_from_many_units(model: str) -> None:
    config, rng = config_of(model), np.random.default_rng(5)
    truth = kind.truth(config, rng)

    posterior = fitted(truth, config, 20_000, rng)

    for variable in posterior.variables:
        true = truth[variable.name].sel({variable.dim: list(variable.labels)}).to_numpy()
        off = np.abs(variable.distribution.mean() - true) / variable.distribution.sd()
        # at most 6 numbers: false alarms below 1e-5
        assert (off < 5).all()


@pytest.mark.parametrize("model", ["weibull", "piecewise"])
def test_groups_that_are_alike_are_rarely_told_apart(model: str) -> None:
    config, alarms, worlds = config_of(model, draws=512), 0, 100
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        truth = kind.truth(config, rng)
        half = len(next(iter(truth.data_vars.values()))) // 2
        same = truth.map(lambda values: values.copy(data=np.tile(values[:half], 2)))  # noqa: B023
        same.attrs = truth.attrs
        summary = kind.summarize(fitted(same, config, 200, rng), config)
        alarms += summary.decision.tone != "undecided"

    # at level 95 % about 5 of 100 worlds: more than 16 come in fewer than 1e-5 of runs
    assert stats.binom.sf(16, worlds, 0.05) < 1e-5
    assert alarms <= 16


@pytest.mark.parametrize("model", ["weibull", "piecewise"])
def test_a_curve_of_its_own_world_is_rarely_called_a_misfit(model: str) -> None:
    config, alarms = config_of(model, draws=512), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = kind.truth(config, rng)
        summary = kind.summarize(fitted(truth, config, 400, rng), config)
        alarms += any(finding.code == "misfit" for finding in summary.findings)

    # one of 100 at most is allowed: more than 5 of 60 then come in fewer than 1e-4 of runs
    assert stats.binom.sf(5, 60, 0.01) < 1e-4
    assert alarms <= 5
