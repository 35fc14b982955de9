"""The PyMC models: on sufficient statistics where that is possible, row by row where it is not.

Both say the same. Per entity the sum and the number of its counts are enough, and of all counts
together their histogram: lgamma terms are paid once per distinct count instead of once per row.
A share of empty windows needs the number of zeros of each entity beside. Covariates, exposure and
drift differ from window to window, and so the model does too.

What is known goes in as arrays (`pm.Data`), numbers of the priors among them: one structure, one
compilation.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm

type Form = Literal["centered", "non-centered"]
type Arrays = Mapping[str, np.ndarray]
type Coords = Mapping[str, Sequence[Any]]

_STIRLING = 64.0  # from here on three terms of Stirling's series are exact to 1e-15


def sufficient(
    data: "Arrays",
    *,
    families: Mapping[str, str],
    form: Form = "centered",
    zero_inflation: bool = False,
    sizes: bool = False,
    coords: "Coords | None" = None,
) -> "pm.Model":
    """Build the model on sums: `theta[entity]`, `mu`, `alpha`, `phi`.

    `data` holds `total` and `windows` per entity, `values` and `counts` of the histogram, `zeros`
    per entity where there is zero inflation, and one array of numbers per prior.
    """
    import pymc as pm

    pt = _tensor()

    with pm.Model(coords=coords or {"entity": range(len(data["total"]))}) as model:
        given = _Given(data)
        theta, mu, phi = _population(given, families, form)
        total, windows = given("total", "entity"), given("windows", "entity")
        full = windows
        if zero_inflation:
            zeros = given("zeros", "entity")
            full = windows - zeros
            share = _zero_share(given)
            empty = pt.logaddexp(pt.log(share), pt.log1p(-share) - phi * pt.log1p(theta / phi))
            pm.Potential("empty", pt.sum(zeros * empty) + pt.sum(full) * pt.log1p(-share))
        values, counts = given("values"), given("counts")
        pm.Potential("histogram", pt.sum(counts * (rising(values, phi) - pt.gammaln(values + 1))))
        each = total * pt.log(theta) - (total + full * phi) * pt.log1p(theta / phi)
        pm.Potential("entities", pt.sum(each))
        if sizes:
            _sizes(given, theta, mu)
    return model


def row_by_row(
    data: "Arrays",
    *,
    families: Mapping[str, str],
    form: Form = "centered",
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

    pt = _tensor()

    with pm.Model(coords=coords or _numbers(data)) as model:
        given = _Given(data)
        theta, mu, phi = _population(given, families, form)
        who = given("entity_idx", "obs")
        log_rate = pt.log(theta)[who]
        if measured:
            log_rate = log_rate + pt.log(given("exposure", "obs"))
        if covariates:
            scale = given("effect_prior")
            effect = pm.Normal("effect", 0.0, scale[0], dims="covariate")
            log_rate = log_rate + given("x", "obs", "covariate") @ effect
        if drift:
            log_rate = log_rate + _drift(given, form)[who, given("place", "obs")]
        y = given("y_obs", "obs")
        mean = pt.exp(log_rate)
        known: dict[str, Any] = {"mu": mean, "alpha": phi, "observed": y, "dims": "obs"}
        if zero_inflation:
            pm.ZeroInflatedNegativeBinomial("y", psi=1 - _zero_share(given), **known)
        else:
            pm.NegativeBinomial("y", **known)
        if sizes:
            _sizes(given, theta, mu)
    return model


def _numbers(data: "Arrays") -> "Coords":
    sizes = {"entity": len(data["sized"])}
    sizes |= {"covariate": data["x"].shape[1]} if "x" in data else {}
    sizes |= {"window": len(data["steps"])} if "steps" in data else {}
    return {name: range(size) for name, size in sizes.items()}


def rising(values: Any, phi: Any) -> Any:
    """Give log(phi (phi + 1) ... (phi + v - 1) / phi^v), to all digits also for a huge phi."""
    pt = _tensor()

    large = pt.maximum(phi, _STIRLING)
    series = (values + large - 0.5) * pt.log1p(values / large) - values
    series += _stirling(values + large) - _stirling(large)
    small = pt.minimum(phi, _STIRLING)
    direct = pt.gammaln(values + small) - pt.gammaln(small) - values * pt.log(small)
    return pt.switch(phi > _STIRLING, series, direct)


def _stirling(x: Any) -> Any:
    return (1 / 12 - (1 / 360 - 1 / (1260 * x * x)) / (x * x)) / x


def _tensor() -> Any:
    """Give `pytensor.tensor`, whose functions carry no types."""
    import pytensor.tensor as pt

    return pt


class _Given:
    """Registers arrays as `pm.Data` under their names."""

    def __init__(self, data: "Arrays") -> None:
        self._data = data

    def __call__(self, name: str, *dims: str) -> Any:
        import pymc as pm

        return pm.Data(name, self._data[name], dims=dims or None)


def _population(given: _Given, families: Mapping[str, str], form: Form) -> tuple[Any, Any, Any]:
    """Give `theta`, `mu` and `phi`; a prior may be on `spread` and `noise` instead."""
    import pymc as pm

    mu = _prior(given, families, "mu")
    if "spread" in families:
        alpha = pm.Deterministic("alpha", 1 / (mu * _prior(given, families, "spread") ** 2))
        phi = pm.Deterministic("phi", _prior(given, families, "noise") ** -2)
    else:
        alpha, phi = _prior(given, families, "alpha"), _prior(given, families, "phi")
        pm.Deterministic("spread", (mu * alpha) ** -0.5)
        pm.Deterministic("noise", phi**-0.5)
    if form == "centered":
        theta = pm.Gamma("theta", alpha=mu * alpha, beta=alpha, dims="entity")
    else:
        raw = pm.Gamma("raw", alpha=mu * alpha, beta=1.0, dims="entity")
        theta = pm.Deterministic("theta", raw / alpha, dims="entity")
    return theta, mu, phi


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


def _drift(given: _Given, form: Form) -> Any:
    """Give the drift of the log rate, `(entity, window)`, with mean 1 on the scale of rates.

    Its forms are the other way round: few counts say little of the drift of one window, and then
    the non-centered one is sampled well.
    """
    import pymc as pm

    pt = _tensor()

    shapes = given("persistence_prior")
    persistence = pm.Beta("persistence", alpha=shapes[0], beta=shapes[1])
    sd = pm.HalfNormal("drift_sd", sigma=given("drift_prior")[0])
    steps = given("steps")  # 0, 1, 2, ... one for each window
    fresh = pt.sqrt(1 - persistence**2)
    if form == "non-centered":
        drift = pm.Flat("drift", dims=("entity", "window"))
        later = (drift[:, 1:] - persistence * drift[:, :-1]) / fresh
        white = pt.concatenate([drift[:, :1], later], axis=1) / sd
        log_fresh = pt.log(sd) * pt.ones_like(steps) + pt.log(fresh) * (steps > 0)
        pm.Potential("walk", pt.sum(-0.5 * white**2 - log_fresh[None, :]))
        return drift - sd**2 / 2
    white = pm.Normal("white", dims=("entity", "window"))
    lag = steps[:, None] - steps[None, :]
    weight = pt.where(lag >= 0, persistence ** pt.maximum(lag, 0), 0.0)
    weight = weight * pt.where(steps > 0, fresh, 1.0)[None, :]
    drift = pm.Deterministic("drift", sd * white @ weight.T, dims=("entity", "window"))
    return drift - sd**2 / 2


def _sizes(given: _Given, theta: Any, mu: Any) -> None:
    """Add bytes per event: lognormal per window around an entity's own level, integrated out."""
    import pymc as pm

    pt = _tensor()

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
