"""The PyMC models: on sufficient statistics where that is possible, row by row where it is not.

Both say the same. Per entity the sum and the number of its counts are enough, and of all counts
together their histogram: lgamma terms are paid once per distinct count instead of once per row.
A share of empty windows needs the number of zeros of each entity beside. Covariates, exposure and
drift differ from window to window, and so the model does too.

A form is in which coordinates the sampler sees the rates; their density is the same in all three.
"standardized" is sampled first (`coordinates`); "centered" reads as the model is written, and can
simulate; "non-centered" draws raw ~ Gamma(mu alpha, 1) and takes theta = raw / alpha.

What is known goes in as arrays (`pm.Data`), numbers of the priors among them: one structure, one
compilation.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.kinds.entity_rates.coordinates import (
    STIRLING,
    Evidence,
    Population,
    Sums,
    Windows,
    log_density_of_drift,
    standardized_drift,
    standardized_rates,
    stirling,
    tensor,
)

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm

type Form = Literal["standardized", "centered", "non-centered"]
type Arrays = Mapping[str, np.ndarray]
type Coords = Mapping[str, Sequence[Any]]


def sufficient(
    data: "Arrays",
    *,
    families: Mapping[str, str],
    form: Form = "standardized",
    zero_inflation: bool = False,
    sizes: bool = False,
    coords: "Coords | None" = None,
) -> "pm.Model":
    """Build the model on sums: `theta[entity]`, `mu`, `alpha`, `phi`.

    `data` holds `total` and `windows` per entity, `values` and `counts` of the histogram, `zeros`
    per entity where there is zero inflation, and one array of numbers per prior.
    """
    import pymc as pm

    pt = tensor()

    with pm.Model(coords=coords or {"entity": range(len(data["total"]))}) as model:
        given = _Given(data)
        population = _population(given, families)
        phi = population.phi
        total, windows = given("total", "entity"), given("windows", "entity")
        zeros = given("zeros", "entity") if zero_inflation else 0.0
        share = _zero_share(given) if zero_inflation else None
        theta = _rates(population, form, Sums(total, windows, zeros, share))
        full = windows - zeros
        if share is not None:
            empty = pt.logaddexp(pt.log(share), pt.log1p(-share) - phi * pt.log1p(theta / phi))
            pm.Potential("empty", pt.sum(zeros * empty) + pt.sum(full) * pt.log1p(-share))
        values, counts = given("values"), given("counts")
        pm.Potential("histogram", pt.sum(counts * (rising(values, phi) - pt.gammaln(values + 1))))
        each = total * pt.log(theta) - (total + full * phi) * pt.log1p(theta / phi)
        pm.Potential("entities", pt.sum(each))
        if sizes:
            _sizes(given, theta, population.mu)
    return model


def row_by_row(
    data: "Arrays",
    *,
    families: Mapping[str, str],
    form: Form = "standardized",
    zero_inflation: bool = False,
    sizes: bool = False,
    covariates: bool = False,
    measured: bool = False,
    drift: bool = False,
    coords: "Coords | None" = None,
) -> "pm.Model":
    """Build the model with one observation per window: `entity_idx`, `y_obs`, dimension `obs`.

    `x` has a column per covariate, `exposure` an entry per observation; `place` is the window.
    `sized` has an entry per entity.
    """
    import pymc as pm

    pt = tensor()
    with pm.Model(coords=coords or _numbers(data)) as model:
        given = _Given(data)
        population = _population(given, families)
        share = _zero_share(given) if zero_inflation else None
        who, y = given("entity_idx", "obs"), given("y_obs", "obs")
        nothing = pt.zeros_like(given("sized", "entity"))
        windows = Windows(who=who, count=y, share=share, nothing=nothing, log_factor=0.0)
        if measured:
            windows = windows.times(pt.log(given("exposure", "obs")))
        if covariates:
            effect = pm.Normal("effect", 0.0, given("effect_prior")[0], dims="covariate")
            windows = windows.times(given("x", "obs", "covariate") @ effect)
        if drift:
            at = given("place", "obs")
            windows = windows.times(_drift(given, form, population, windows, at)[who, at])
        theta = _rates(population, form, windows)
        _counts(theta[who] * windows.factor, population.phi, share, y)
        if sizes:
            _sizes(given, theta, population.mu)
    return model


def _counts(mean: Any, phi: Any, share: Any, observed: Any) -> None:
    """Say what each count follows; a share of them is zero whatever the rate."""
    import pymc as pm

    known = {"mu": mean, "alpha": phi, "observed": observed, "dims": "obs"}
    if share is not None:
        pm.ZeroInflatedNegativeBinomial("y", psi=1 - share, **known)
    else:
        pm.NegativeBinomial("y", **known)


def _numbers(data: "Arrays") -> "Coords":
    sizes = {"entity": len(data["sized"])}
    sizes |= {"covariate": data["x"].shape[1]} if "x" in data else {}
    sizes |= {"window": len(data["steps"])} if "steps" in data else {}
    return {name: range(size) for name, size in sizes.items()}


def rising(values: Any, phi: Any) -> Any:
    """Give log(phi (phi + 1) ... (phi + v - 1) / phi^v), to all digits also for a huge phi."""
    pt = tensor()

    large = pt.maximum(phi, STIRLING)
    series = (values + large - 0.5) * pt.log1p(values / large) - values
    series += stirling(values + large) - stirling(large)
    small = pt.minimum(phi, STIRLING)
    direct = pt.gammaln(values + small) - pt.gammaln(small) - values * pt.log(small)
    return pt.switch(phi > STIRLING, series, direct)


class _Given:
    """Registers arrays as `pm.Data` under their names, each once."""

    def __init__(self, data: "Arrays") -> None:
        self._data = data
        self._known: dict[str, Any] = {}

    def __call__(self, name: str, *dims: str) -> Any:
        import pymc as pm

        if name not in self._known:
            self._known[name] = pm.Data(name, self._data[name], dims=dims or None)
        return self._known[name]


def _population(given: _Given, families: Mapping[str, str]) -> Population:
    """Give the population; a prior may be on `spread` and `noise` instead."""
    import pymc as pm

    mu = _prior(given, families, "mu")
    if "spread" in families:
        alpha = pm.Deterministic("alpha", 1 / (mu * _prior(given, families, "spread") ** 2))
        phi = pm.Deterministic("phi", _prior(given, families, "noise") ** -2)
    else:
        alpha, phi = _prior(given, families, "alpha"), _prior(given, families, "phi")
        pm.Deterministic("spread", (mu * alpha) ** -0.5)
        pm.Deterministic("noise", phi**-0.5)
    return Population(mu, alpha, phi)


def _rates(population: Population, form: Form, evidence: Evidence) -> Any:
    import pymc as pm

    shape, alpha = population.shape, population.alpha
    if form == "standardized":
        return standardized_rates(population, evidence)
    if form == "centered":
        return pm.Gamma("theta", alpha=shape, beta=alpha, dims="entity")
    raw = pm.Gamma("raw", alpha=shape, beta=1.0, dims="entity")
    return pm.Deterministic("theta", raw / alpha, dims="entity")


def _prior(given: _Given, families: Mapping[str, str], name: str) -> Any:
    import pymc as pm

    numbers = given(f"{name}_prior")
    match families[name]:
        case "exponential":
            return pm.Exponential(name, lam=numbers[0])
        case "gamma":
            return pm.Gamma(name, alpha=numbers[0], beta=numbers[1])
        case "half-normal":
            return pm.HalfNormal(name, sigma=numbers[0])
        case _:
            return pm.LogNormal(name, mu=numbers[0], sigma=numbers[1])


def _zero_share(given: _Given) -> Any:
    import pymc as pm

    numbers = given("zero_share_prior")
    return pm.Beta("zero_share", alpha=numbers[0], beta=numbers[1])


def _drift(given: _Given, form: Form, population: Population, windows: Windows, place: Any) -> Any:
    """Give the drift of the log rate, `(entity, window)`, with mean 1 on the scale of rates."""
    import pymc as pm

    pt = tensor()

    shapes = given("persistence_prior")
    persistence = pm.Beta("persistence", alpha=shapes[0], beta=shapes[1])
    sd = pm.HalfNormal("drift_sd", sigma=given("drift_prior")[0])
    steps = given("steps")  # 0, 1, 2, ... one for each window
    if form == "centered":
        white = pm.Normal("white", dims=("entity", "window"))
        lag = steps[:, None] - steps[None, :]
        weight = pt.where(lag >= 0, persistence ** pt.maximum(lag, 0), 0.0)
        weight = weight * pt.where(steps > 0, pt.sqrt(1 - persistence**2), 1.0)[None, :]
        drift = pm.Deterministic("drift", sd * white @ weight.T, dims=("entity", "window"))
        return drift - sd**2 / 2
    if form == "standardized":
        seen = windows.seen(population, place, steps)
        drift = standardized_drift(population, persistence, sd, steps, seen)
    else:
        drift = pm.Flat("drift", dims=("entity", "window"))
    pm.Potential("walk", log_density_of_drift(drift, persistence, sd, steps))
    return drift - sd**2 / 2


def _sizes(given: _Given, theta: Any, mu: Any) -> None:
    """Add bytes per event: lognormal per window around an entity's own level, integrated out."""
    import pymc as pm

    pt = tensor()

    numbers = given("size_prior")
    level = pm.Normal("size_level", mu=numbers[0], sigma=numbers[1])
    spread = pm.HalfNormal("size_spread", sigma=numbers[1])
    noise = pm.HalfNormal("size_noise", sigma=numbers[1])
    link = pm.Normal("size_link", 0.0, 1.0)
    known = given("sized", "entity")
    sd = pt.sqrt(spread**2 + noise**2 / pt.maximum(known, 1.0))
    off = (given("log_size", "entity") - level - link * (pt.log(theta) - pt.log(mu))) / sd
    pm.Potential("size_means", pt.sum(pt.where(known > 0, -0.5 * off**2 - pt.log(sd), 0.0)))
    within, freedom = given("size_within"), given("size_freedom")
    pm.Potential("size_rest", -freedom * pt.log(noise) - within / (2 * noise**2))
