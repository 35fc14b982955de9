"""PyMC models of a marketing mix: the product's own, and the reference model it is compared with.

`brand` estimates carry-over, saturation and coefficients of channels with everything else:

    mu = columns' b + sum_c beta_c S(sum_l w_cl x_{t-l,c})     y = mu + e, or y = exp(mu) + e

Its coordinates make chains short, and leave the model as it is:

* What media bring on average, not the coefficient, is drawn and has the prior: beta_c is that
  divided by the average of S, so that half-saturation and coefficient are hardly correlated.
* Media enter mu less what columns (level, season, controls) could explain of them: media then
  move only what they alone can tell. Coefficients of columns are shifted by exactly as much, and
  their prior is on the shifted ones. Centering media is the case of a level alone.
* Coefficients of columns are drawn along axes in which they are about uncorrelated.
* Effects of geos are drawn in sds around the common one, on the log scale.

What is known goes in as `pm.Data`: one structure, one compilation, for any number of periods.
Densities are written out, but for constants: those of a library take longer to compile. Only
sampler children build these models; `media_sampling` says what `data` holds.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, MOST_LOG, TINY

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm

type Arrays = Mapping[str, np.ndarray]
type Given = Mapping[str, Any]
type Link = Literal["identity", "log"]
type Tails = Literal["none", "gamma", "exponential"]

LEAST_FREEDOM = 2.0
"""Below it Student-t noise has no variance."""
SHARED_START = 0.1
"""Where chains begin: what a channel brings on average, in scales of coefficients."""


def brand(  # what makes a structure is many options
    data: "Arrays",
    *,
    adstock: str,
    saturation: str,
    families: Mapping[str, str],
    normalized: bool = True,
    link: Link = "identity",
    log_noise: bool = False,
    tails: Tails = "gamma",
    effects: Literal["average", "shared-scale"] = "average",
    geos: bool = False,
    experiments: bool = False,
) -> "pm.Model":
    """Build the model whose adstock and saturation are estimated; `families` are their priors.

    Variables: what the adstock and saturation are made of, `average_effect`, `effect` (the
    coefficient), `coefficients` of columns, `sigma` and, unless tails are none, `nu`.
    """
    import pymc as pm

    pt = _tensor()
    with pm.Model(coords=_coords(data)) as model:
        given = _register(data)
        params = {name: _parameter(name, family, given) for name, family in families.items()}

        def bent(behind: Any) -> Any:
            amount = _carried(adstock, params, behind, normalized=normalized)
            return _saturated(saturation, amount, params)

        each = bent(given["lagged"])
        effect, media = _brought(given, each, effects, geos=geos)
        b = _coefficients(given, media)
        mu = given["columns"] @ b + media
        place = pt.exp(mu) if link == "log" and not log_noise else mu
        sigma = _noise(given["y"] - place, given["sigma_scale"][0], tails)
        if experiments:
            mean = pt.exp(sigma**2 / 2) if log_noise and tails == "none" else 1.0
            _experiments(given, lambda behind: bent(behind) * effect, b, link=link, mean=mean)
    return model


def _brought(
    given: "Given", each: Any, effects: Literal["average", "shared-scale"], *, geos: bool
) -> tuple[Any, Any]:
    """Give the coefficients of channels, by row where there are regions, and what media bring."""
    of_channels = _shared_effects if effects == "shared-scale" else _effects
    effect = of_channels(given, each)
    if geos:
        effect = _of_geos(given, effect)[given["place"]]
    return effect, _tensor().sum(each * effect, axis=1)


def reference(data: "Arrays") -> "pm.Model":
    """Build the reference model: fixed adstock, Student-t noise of log sales.

    y ~ StudentT(nu, intercept + x beta + controls gamma, sigma); intercept ~ Normal(0, 2),
    beta ~ HalfNormal(sigma_beta), sigma_beta ~ HalfNormal(0.5), gamma ~ Normal(0, 0.5),
    sigma ~ HalfNormal(1), nu ~ Exponential(1/10). The level at average columns is drawn, and the
    intercept follows from it.
    """
    import pymc as pm

    pt = _tensor()
    lengths = {"channel": range(data["x"].shape[1]), "column": range(data["controls"].shape[1])}
    with pm.Model(coords=lengths) as model:
        given = _register(data)
        spread = pm.HalfFlat("sigma_beta", initval=0.5)
        beta = pm.HalfFlat("beta", dims="channel", initval=_start(data["x"].shape[1], 0.1))
        gamma = pm.Flat("gamma", dims="column")
        level = pm.Flat("level")
        means = pt.mean(given["x"], axis=0), pt.mean(given["controls"], axis=0)
        intercept = pm.Deterministic("intercept", level - means[0] @ beta - means[1] @ gamma)
        prior = (intercept / 2) ** 2 + pt.sum((gamma / 0.5) ** 2) + (spread / 0.5) ** 2
        count = given["x"].shape[1]
        pm.Potential(
            "prior", -0.5 * (prior + pt.sum((beta / spread) ** 2)) - count * pt.log(spread)
        )
        mu = intercept + given["x"] @ beta + given["controls"] @ gamma
        _noise(given["y"] - mu, 1.0, "exponential")
    return model


def _tensor() -> Any:
    import pytensor.tensor as pt

    return pt  # its functions carry no types


def _start(size: int, value: float) -> "np.ndarray":
    import numpy as np

    return np.full(size, value)


def _coords(data: "Arrays") -> dict[str, Any]:
    lengths = {
        "channel": data["lagged"].shape[1],
        "column": data["columns"].shape[1],
        "geo": int(data["place"].max()) + 1 if "place" in data else 0,
    }
    return {name: range(length) for name, length in lengths.items() if length}


def _register(data: "Arrays") -> Given:
    import pymc as pm

    return {name: pm.Data(name, array) for name, array in data.items()}


def _parameter(name: str, family: str, given: Given) -> Any:
    """Give a parameter of every channel, with its prior; `name_prior` has a row per number of it.

    Numbers that are drawn are in units of what is expected, so that all begin there.
    """
    import pymc as pm

    pt = _tensor()
    first, second = given[f"{name}_prior"][0], given[f"{name}_prior"][1]
    if family == "given":
        return first
    if family == "beta":
        share = pm.Uniform(name, dims="channel")
        each = (first - 1) * pt.log(share) + (second - 1) * pt.log1p(-share)
        pm.Potential(f"{name}_density", pt.sum(each))
        return share
    standard = pm.HalfFlat(f"{name}_standard", dims="channel")
    if family == "half-normal":
        pm.Potential(f"{name}_density", -0.5 * pt.sum(standard**2))
        return pm.Deterministic(name, first * standard, dims="channel")
    pm.Potential(f"{name}_density", pt.sum((first - 1) * pt.log(standard) - first * standard))
    drawn = first / second * standard
    value = LOGISTIC_RATE / drawn if family == "gamma-rate" else drawn
    return pm.Deterministic(name, value, dims="channel")


def _carried(adstock: str, params: Given, lagged: Any, *, normalized: bool) -> Any:
    """Give activity with what is carried over, `(rows, channels)`."""
    pt = _tensor()
    if adstock == "none":
        return lagged[:, :, 0]
    lag = pt.arange(lagged.shape[2]).astype("float64")
    if adstock != "weibull":
        steps = lag if adstock == "geometric" else (lag - params["peak"][:, None]) ** 2
        log_weight = steps * pt.log(pt.maximum(params["decay"], TINY))[:, None]
    else:
        shape, log_spread = params["shape"][:, None], pt.log(params["spread"])[:, None]
        reach = pt.exp(pt.minimum(-shape * log_spread, MOST_LOG))
        log_weight = (shape - 1) * (pt.log(lag + 1) - log_spread) - reach * (lag + 1) ** shape
    if normalized and adstock != "geometric":  # all may be too small to be told from nothing
        log_weight = log_weight - pt.max(log_weight, axis=1, keepdims=True)
    weight = pt.exp(log_weight)
    if normalized:
        weight = weight / pt.sum(weight, axis=1, keepdims=True)
    return pt.sum(lagged * weight, axis=2)


def _saturated(saturation: str, amount: Any, params: Given) -> Any:
    pt = _tensor()
    if saturation == "none":
        return amount
    if saturation == "logistic":
        return pt.tanh(amount * (LOGISTIC_RATE / 2 / params["half"]))
    if saturation == "michaelis-menten":
        return amount / (params["half"] + amount)
    away = pt.log(pt.maximum(amount, TINY)) - pt.log(params["half"])
    return pt.sigmoid(params["slope"] * away)


def _effects(given: Given, bent: Any) -> Any:
    """Give coefficients; averages are half-normal, or log-normal where their log has an sd."""
    import pymc as pm

    pt = _tensor()
    standard = pm.HalfFlat("effect_standard", dims="channel")
    log_sd = given["effect_log_sd"]
    is_log = pt.gt(log_sd, 0)
    log_normal = 0.5 * (pt.log(standard) / pt.switch(is_log, log_sd, 1.0)) ** 2 + pt.log(standard)
    pm.Potential("effect_density", -pt.sum(pt.switch(is_log, log_normal, 0.5 * standard**2)))
    average = pm.Deterministic("average_effect", given["effect_unit"] * standard, dims="channel")
    return pm.Deterministic("effect", average / pt.mean(bent, axis=0), dims="channel")


def _shared_effects(given: Given, bent: Any) -> Any:
    """Give coefficients that are half-normal around one spread, which is half-normal itself.

    The prior is of the coefficient, and the coordinate what it brings on average: hence the
    logarithm of the average of S.
    """
    import pymc as pm

    pt = _tensor()
    unit, usual = given["effect_unit"], pt.mean(bent, axis=0)
    spread = pm.HalfFlat("effect_spread_standard", initval=0.5)
    standard = pm.HalfFlat("effect_standard", dims="channel")
    effect = pm.Deterministic("effect", SHARED_START * unit * standard / usual, dims="channel")
    each = 0.5 * (pt.sum((effect / unit / spread) ** 2) + spread**2)
    pm.Potential("effect_density", -each - unit.shape[0] * pt.log(spread) - pt.sum(pt.log(usual)))
    return effect


def _of_geos(given: Given, effect: Any) -> Any:
    """Give coefficients of each geo, log-normal around the common one."""
    import pymc as pm

    pt = _tensor()
    standard = pm.HalfFlat("geo_spread_standard", dims="channel")
    away = pm.Flat("geo_standard", dims=("geo", "channel"))
    pm.Potential("geo_density", -0.5 * (pt.sum(standard**2) + pt.sum(away**2)))
    spread = pm.Deterministic("geo_spread", given["geo_scale"][0] * standard, dims="channel")
    return pm.Deterministic("geo_effect", effect * pt.exp(spread * away), dims=("geo", "channel"))


def _coefficients(given: Given, media: Any) -> Any:
    """Give coefficients of columns; the more media explain, the less is left to them."""
    import pymc as pm

    pt = _tensor()
    along = pm.Flat("along", dims="column")
    b = given["start"] + given["axes"] @ along - given["explained"] @ media
    score = (b - given["column_center"]) / given["column_sd"]
    pm.Potential("coefficients_density", -0.5 * pt.sum(score**2))
    return pm.Deterministic("coefficients", b, dims="column")


def _experiments(
    given: Given, media: Callable[[Any], Any], b: Any, *, link: Link, mean: Any
) -> None:
    """Say how far off the lifts of experiments are; expected sales are `mean` times the median."""
    import pymc as pm

    from pymc_vibes.stats.media_experiments import graph_log_density

    scale = given["sales_unit"][0] * mean
    mu = given["lift_columns"] @ b
    pm.Potential("lifts", graph_log_density(given, media=media, mu=mu, link=link, scale=scale))


def _noise(off: Any, scale: Any, tails: Tails) -> Any:
    """Say how far off rows are, with a half-normal `sigma` of that scale, and give it."""
    import pymc as pm

    pt = _tensor()
    standard = pm.HalfFlat("sigma_standard", initval=0.5)
    sigma = pm.Deterministic("sigma", scale * standard)
    rows = off.shape[0]
    density = -0.5 * standard**2 - rows * pt.log(sigma)
    if tails == "none":
        pm.Potential("rows", density - 0.5 * pt.sum((off / sigma) ** 2))
        return sigma
    nu, prior = _freedom(tails)
    each = pt.sum(pt.log1p((off / sigma) ** 2 / nu)) * (nu + 1) / 2
    peak = pt.gammaln((nu + 1) / 2) - pt.gammaln(nu / 2) - pt.log(nu) / 2
    pm.Potential("rows", density + prior + rows * peak - each)
    return sigma


def _freedom(tails: Tails) -> tuple[Any, Any]:
    """Give nu and its log density: Exponential(1/10), or 2 more than Gamma(2, 0.1)."""
    import pymc as pm

    pt = _tensor()
    if tails == "exponential":
        nu = pm.HalfFlat("nu", initval=10.0)
        return nu, -nu / 10
    beyond = pm.HalfFlat("freedom_beyond", initval=20.0)
    nu = pm.Deterministic("nu", LEAST_FREEDOM + beyond)
    return nu, pt.log(beyond) - beyond / 10
