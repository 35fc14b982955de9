"""PyMC models of one interrupted series: the regression of `autoregression`, and its kin.

    y_t = x_t' b + a_t + e_t      a ~ AR(1) on calendar days; rows of one day share its state

with e normal or Student-t, or y_t counts around exposure_t exp(x_t' b + a_t). NUTS draws the state
of every day in coordinates that are about standard normal whatever phi, share, tau and alpha are:
in frequencies (a cosine transform), where an autoregression is about independent, and in sds from
what the day's rows make likely. Any transform would do, this one is quick: the density is that of
the model, times the exact Jacobian. Coefficients are drawn along axes in which they are about
uncorrelated.

What is known goes in as `pm.Data`: one structure, one compilation. Densities are written out where
those of a library need functions that take longer to compile than all the rest. Days at the end
that are not `real` are padding: their states are standard normal and belong to no row.

Only sampler children build these models; `interrupted_sampling` says what `data` holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm

type Errors = Literal["ar1-white", "ar1", "independent"]
type Family = Literal["poisson", "negative-binomial"]
type Arrays = Mapping[str, np.ndarray]
type Given = Mapping[str, Any]

LEAST_FREEDOM = 2.0
"""Below it Student-t noise has no variance, and `share` is no share."""
_INDEPENDENT = (0.0, 0.5)  # phi and share, as the exact engine has them
_TINY = 1e-300  # divides what days without rows do not say
_HALF = 0.5  # added to counts whose logarithm is taken, so that 0 has one
_SHIFT = 8  # from here on three terms of Stirling's series are exact to 1e-9


def normal(data: "Arrays", *, errors: Errors = "ar1-white") -> "pm.Model":
    """Build the model of `autoregression.regress`: `coefficients`, `sigma`, `phi`, `share`."""
    import pymc as pm

    pt = _tensor()
    with pm.Model(coords=_coords(data)) as model:
        given = _register(data)
        sigma, left = _scaled(given)
        phi, share = _correlation(errors)
        if errors == "ar1":
            each = _log_density(left, phi, given["gap"], 1.0)
        else:
            noise = (1 - share) * given["white"]
            off = left - _of_days(given, phi, share, _Seen(1 / noise, left / noise))
            each = -0.5 * pt.sum(off**2 / noise + pt.log(noise))
        pm.Potential("series", each - given["y"].shape[0] * pt.log(sigma))
    return model


def student(data: "Arrays", *, errors: Errors = "ar1-white") -> "pm.Model":
    """Build the same with Student-t white noise of `nu` degrees of freedom, which are estimated.

    sigma^2 (1 - share) m / n_t is then the square of the noise's *scale*, also that of a mean of
    n_t. nu - 2 ~ Gamma(2, 0.1): the prior of Juarez and Steel (2010), *Model-based clustering of
    non-Gaussian panel data based on skew-t distributions*, Journal of Business and Economic
    Statistics 28(1), moved to where variances exist.
    """
    import pymc as pm

    pt = _tensor()
    with pm.Model(coords=_coords(data)) as model:
        given = _register(data)
        sigma, left = _scaled(given)
        phi, share = _correlation(errors)
        beyond = pm.Gamma("freedom_beyond", alpha=2.0, beta=0.1)
        nu = pm.Deterministic("nu", LEAST_FREEDOM + beyond)
        noise = (1 - share) * given["white"]
        known = (nu + 1) / (nu + 3) / noise  # Fisher's information of a place
        # how far an outlier is away would move its state as phi and share move
        seen = _Seen(known, known * left * given["heard"])
        off = left - _of_days(given, phi, share, seen)
        tails = (nu + 1) / 2 * pt.log1p(off**2 / (noise * nu))
        peak = pt.gammaln((nu + 1) / 2) - pt.gammaln(nu / 2) - pt.log(nu) / 2
        rows = given["y"].shape[0]
        pm.Potential("series", rows * (peak - pt.log(sigma)) - pt.sum(tails + pt.log(noise) / 2))
    return model


def counts(
    data: "Arrays",
    *,
    family: Family = "negative-binomial",
    errors: Literal["ar1", "independent"] = "ar1",
) -> "pm.Model":
    """Build the model of `latent_counts`: `coefficients`, `phi` and `tau` of the state, `alpha`.

    tau and `extra`, which is 1 / sqrt(alpha), are exponential; a count varies by mu + mu^2 / alpha.
    """
    import pymc as pm

    pt = _tensor()
    with pm.Model(coords=_coords(data)) as model:
        given = _register(data)
        y, b = given["y"], _coefficients(given, 1.0)
        log_mean = given["log_exposure"] + given["x"] @ b
        tau, extra = _spreads(given, state=errors == "ar1", extra=family != "poisson")
        if errors == "ar1":
            about = y + _HALF
            known = about / (1 + extra**2 * about)
            off = pt.log(about) - pt.log(pt.exp(log_mean) + _HALF)
            seen = _Seen(weight=tau**2 * known, push=tau * known * off)
            log_mean = log_mean + tau * _state(given, pm.Uniform("phi"), seen)[given["place"]]
        each = y * log_mean
        if family == "poisson":
            each = each - pt.exp(log_mean)
        else:
            alpha = pm.Deterministic("alpha", extra**-2)
            each += _rising(y, alpha) - (y + alpha) * pt.log1p(pt.exp(log_mean) / alpha)
        pm.Potential("series", pt.sum(each))
    return model


def _tensor() -> Any:
    import pytensor.tensor as pt

    return pt  # its functions carry no types


def _coords(data: "Arrays") -> dict[str, Any]:
    coords = {"coefficient": range(data["x"].shape[1])}
    return coords | ({"day": range(len(data["real"]))} if "real" in data else {})


def _register(data: "Arrays") -> Given:
    import pymc as pm

    return {name: pm.Data(name, array) for name, array in data.items()}


def _scaled(given: Given) -> tuple[Any, Any]:
    """Give sigma, and what the columns leave of the series in units of it."""
    import pymc as pm

    weight, spread = given["scale_prior"][0], given["scale_prior"][1]
    precision = pm.Gamma("precision", alpha=weight / 2, beta=weight * spread**2 / 2)
    sigma = pm.Deterministic("sigma", precision**-0.5)
    return sigma, (given["y"] - given["x"] @ _coefficients(given, sigma)) / sigma


def _coefficients(given: Given, sigma: Any) -> Any:
    """Give coefficients in units of sigma: the Jacobian cancels the constant of their prior."""
    import pymc as pm

    pt = _tensor()
    along = pm.Flat("along", dims="coefficient")
    b = given["start"] + sigma * given["axes"] @ along
    score = (b - given["prior_center"]) / (sigma * given["prior_sd"])
    pm.Potential("coefficients_prior", -0.5 * pt.sum(score**2))
    return pm.Deterministic("coefficients", b, dims="coefficient")


def _correlation(errors: Errors) -> tuple[Any, Any]:
    import pymc as pm

    if errors == "independent":
        return _INDEPENDENT
    phi = pm.Uniform("phi")
    return phi, 1.0 if errors == "ar1" else pm.Uniform("share")


def _spreads(given: Given, *, state: bool, extra: bool) -> tuple[Any, Any]:
    """Give tau and extra, 0 where there is none.

    Counts tell well how large both are together, less well which is which: so they are drawn as a
    radius and an angle.
    """
    import pymc as pm

    pt = _tensor()
    if not (state and extra):
        tau = pm.Exponential("tau", scale=given["tau_prior"][0]) if state else 0.0
        return tau, pm.Exponential("extra", scale=given["extra_prior"][0]) if extra else 0.0
    radius = pm.HalfFlat("radius")
    angle = pm.Uniform("angle") * pi / 2
    of_state = pm.Deterministic("tau", radius * pt.cos(angle))
    of_count = pm.Deterministic("extra", radius * pt.sin(angle))
    decay = of_state / given["tau_prior"][0] + of_count / given["extra_prior"][0]
    pm.Potential("spreads", pt.log(radius) - decay)
    return of_state, of_count


@dataclass(frozen=True)
class _Seen:
    """What rows say of the state of their day: a precision, and that times its value."""

    weight: Any
    push: Any


def _of_days(given: Given, phi: Any, share: Any, seen: _Seen) -> Any:
    """Give the state of every row's day in units of sigma."""
    scale = share**0.5  # a number that is known is not rounded to single precision by this
    in_sds = _Seen(weight=share * seen.weight, push=scale * seen.push)
    return scale * _state(given, phi, in_sds)[given["place"]]


def _state(given: Given, phi: Any, seen: _Seen) -> Any:
    """Give the state of every day in sds, as `seen` is."""
    import pymc as pm

    pt = _tensor()
    place, real, waves = given["place"], given["real"], given["waves"]
    nothing = pt.zeros_like(real)[place]
    weight, push = (pt.inc_subtensor(nothing, rows) for rows in (seen.weight, seen.push))
    each = pt.sum(weight) / pt.sum(real)
    # where rows of a day say more than others, its value counts and not how loud it is
    value = each * push / pt.maximum(weight, _TINY)
    power = (1 - phi**2) / (1 - 2 * phi * given["cosine"] + phi**2)
    variance = 1 / (1 + real * (1 / power - 1 + each))
    standard = pm.Flat("state_standard", dims="day")
    state = (variance * (waves @ value) + pt.sqrt(variance) * standard) @ waves
    density = _log_density(state, phi, given["gap"], given["linked"])
    pm.Potential("state", density + pt.sum(pt.log(variance)) / 2)
    return state


def _log_density(state: Any, phi: Any, gap: Any, linked: Any) -> Any:
    """Give the log density of a stationary autoregression of sd 1, but for a constant.

    Where `linked` is 0 it starts anew.
    """
    pt = _tensor()
    fade = linked * phi**gap
    fresh = 1 - fade**2
    later = (state[1:] - fade * state[:-1]) ** 2 / fresh
    return -0.5 * (state[0] ** 2 + pt.sum(later) + pt.sum(pt.log(fresh)))


def _rising(y: Any, alpha: Any) -> Any:
    """Give log(alpha (alpha + 1) ... (alpha + y - 1) / alpha^y), to nine digits for any alpha."""
    pt = _tensor()
    large = alpha + _SHIFT
    beyond = (y + large - _HALF) * pt.log1p(y / large) - y + _stirling(y + large) - _stirling(large)
    steps = sum(pt.log1p(y / (alpha + step)) for step in range(_SHIFT))
    return beyond + y * pt.log1p(_SHIFT / alpha) - steps


def _stirling(x: Any) -> Any:
    return (1 / 12 - (1 / 360 - 1 / (1260 * x * x)) / (x * x)) / x
