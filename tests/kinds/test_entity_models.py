"""Forms of one model have one density; other models do not."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.entity_rates import build_model, models
from pymc_vibes.kinds.entity_rates.data import Counts, inputs
from pymc_vibes.kinds.entity_rates.priors import GammaMean, Reference, ScaleFree
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from tests.contract.bench import Bench
from tests.kinds.entity_worlds import events_of, kind, world_of

COUNTS = {"a": [3, 0, 7, 2], "b": [0, 0, 0, 1], "c": [40, 12, 31, 22], "d": [0, 0, 0, 0]}
PRIORS = {
    "scale-free": ScaleFree(),
    "reference": Reference(),
    "gamma": Reference(mu_prior=GammaMean()),
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def points(model: Any, n: int = 4) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    start = model.initial_point()
    return [
        {name: np.asarray(rng.normal(size=np.shape(value))) for name, value in start.items()}
        for _ in range(n)
    ]


def gaps(first: Any, second: Any) -> np.ndarray:
    """Differences of two log densities at a few points."""
    one, other = first.compile_logp(), second.compile_logp()
    return np.array([float(one(p)) - float(other(p)) for p in points(first)])


@pytest.mark.parametrize("prior", PRIORS)
def test_sums_say_what_rows_say(bench: Bench, prior: str) -> None:
    config = EntityConfig(prior=PRIORS[prior])
    _, cells = bench.cells(kind, events_of(COUNTS), config)

    apart = gaps(build_model(cells, config, by_row=False), build_model(cells, config))

    assert np.ptp(apart) < 1e-8


def test_sums_say_what_rows_say_with_empty_windows(bench: Bench) -> None:
    config = EntityConfig(zero_inflation=True)
    _, cells = bench.cells(kind, events_of(COUNTS), config)

    apart = gaps(build_model(cells, config, by_row=False), build_model(cells, config))

    assert np.ptp(apart) < 1e-8


def test_both_forms_have_the_same_density_of_rates(bench: Bench) -> None:
    config = EntityConfig()
    _, cells = bench.cells(kind, events_of(COUNTS), config)
    given = inputs(Counts(cells), config, by_row=False)
    centered = models.sufficient(given.data, **(dict(given.options) | {"form": "centered"}))
    other = models.sufficient(given.data, **(dict(given.options) | {"form": "non-centered"}))
    one, two = centered.compile_logp(), other.compile_logp()

    apart = []
    for point in points(centered):
        # theta = raw / alpha: in logs, a shift, whose Jacobian is 1
        mu, spread = np.exp(point["mu_log__"]), np.exp(point["spread_log__"])
        shifted = {k: v for k, v in point.items() if k != "theta_log__"}
        shifted["raw_log__"] = point["theta_log__"] - np.log(mu * spread**2)
        apart.append(float(one(point)) - float(two(shifted)))

    assert np.ptp(apart) < 1e-8


@pytest.mark.parametrize(
    "given",
    [
        {"zero_inflation": True, "sizes": True},
        {
            "zero_inflation": True,
            "sizes": True,
            "covariates": True,
            "exposure": "measured",
            "autoregression": True,
        },
    ],
    ids=["sums", "rows"],
)
def test_standardized_coordinates_leave_the_density_alone(
    bench: Bench, given: dict[str, Any]
) -> None:
    _, events, config = world_of(1, 36, **given)
    config, cells = bench.cells(kind, events, config)
    known = inputs(Counts(cells), config, by_row=config.needs_rows)
    build = getattr(models, known.function)
    standardized = build(known.data, **known.options)
    other = build(known.data, **(dict(known.options) | {"form": "non-centered"}))
    one, two = (model.compile_logp(mode=PLAIN) for model in (standardized, other))
    meant = meaning_of(standardized)

    apart = []
    for point in points(standardized, 2):
        there = {name: value for name, value in point.items() if "standard" not in name}
        values = dict(zip(("raw_log__", "drift"), meant(point), strict=False))
        apart.append(float(one(point)) - float(two(there | values)) - log_volume(meant, point))

    assert np.ptp(apart) < 1e-6  # the volume is that of finite differences


PLAIN = Mode(linker="py", optimizer=None)  # a hundred calls take less than compiling


def meaning_of(model: Any) -> Any:
    """Give the function from coordinates to the log of theta times alpha, and to drifts."""
    meant = [pt.log(model["theta"] * model["alpha"])]
    meant += [model["drift"]] if "drift" in model.named_vars else []
    return model.compile_fn(
        model.replace_rvs_by_values(meant),
        inputs=model.value_vars,
        on_unused_input="ignore",
        mode=PLAIN,
    )


def log_volume(meant: Any, point: dict[str, np.ndarray], step: float = 1e-4) -> float:
    """Give the log of the volume that a unit of the standardized coordinates becomes."""
    slopes = []
    for name in ("theta_standard", "drift_standard"):
        for place in np.ndindex(np.shape(point.get(name, ()))):
            ends = []
            for sign in (1, -1):
                moved = point[name].copy()
                moved[place] += sign * step
                ends.append(np.concatenate([v.ravel() for v in meant({**point, name: moved})]))
            slopes.append((ends[0] - ends[1]) / (2 * step))
    return float(np.linalg.slogdet(np.array(slopes))[1])


def test_the_often_quoted_form_is_another_model(bench: Bench) -> None:
    config = EntityConfig(prior=Reference())
    _, cells = bench.cells(kind, events_of(COUNTS), config)
    given = inputs(Counts(cells), config, by_row=False)
    right = models.sufficient(given.data, **(dict(given.options) | {"form": "centered"}))

    apart = gaps(right, _with_variance_of_mu_squared(given.data))

    assert np.ptp(apart) > 1


def _with_variance_of_mu_squared(data: Mapping[str, Any]) -> Any:
    """Build the model with theta = mu * Gamma(alpha, alpha), whose variance is mu^2 / alpha."""
    with pm.Model(coords={"entity": range(len(data["total"]))}) as wrong:
        mu = pm.Exponential("mu", lam=0.1)
        alpha, phi = pm.HalfNormal("alpha", 2.0), pm.HalfNormal("phi", 2.0)
        theta = pm.Gamma("theta", alpha=alpha, beta=alpha / mu, dims="entity")
        total, windows = data["total"], data["windows"]
        counts = pm.math.sum(data["counts"] * models.rising(data["values"], phi))
        each = total * pm.math.log(theta) - (total + windows * phi) * pm.math.log1p(theta / phi)
        pm.Potential("likelihood", counts + pm.math.sum(each))
    return wrong


def test_dropped_exposure_is_another_model(bench: Bench) -> None:
    _, events, config = world_of(1, 60, exposure="measured")
    _, cells = bench.cells(kind, events, config)
    at = cells.column_names.index("exposure")
    dropped = cells.set_column(at, "exposure", [np.ones(cells.num_rows)])

    assert np.ptp(gaps(build_model(cells, config), build_model(dropped, config))) > 1


def test_rising_factorials_keep_their_digits() -> None:
    v = np.array([0.0, 1.0, 5.0, 200.0, 1e6])

    for phi in (1e-3, 0.5, 63.9, 64.1, 1e4, 1e9, 1e14):
        found = models.rising(v, np.float64(phi)).eval()
        exact = [np.log1p(np.arange(n) / phi).sum() for n in v.astype(int)]
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-9)


def test_the_public_model_has_the_promised_names(bench: Bench) -> None:
    config = EntityConfig()
    _, cells = bench.cells(kind, events_of(COUNTS), config)

    model = build_model(cells, config)

    assert {"entity_idx", "y_obs", "theta", "mu", "alpha", "phi"} <= set(model.named_vars)
    assert list(model.coords["entity"]) == list(COUNTS)
    assert len(model.coords["obs"]) == 16


def test_sums_are_refused_where_windows_differ(bench: Bench) -> None:
    _, events, config = world_of(1, 60, covariates=True)
    _, cells = bench.cells(kind, events, config)

    with pytest.raises(BadConfig, match="covariates"):
        build_model(cells, config, by_row=False)
