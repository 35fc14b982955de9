"""Points in the coordinates of a media model, with its density there written out plainly."""

from typing import Any

import numpy as np
from scipy import stats

from pymc_vibes.stats.media_model import SHARED_START
from pymc_vibes.stats.media_sampling import (
    EffectPrior,
    HalfNormalEffects,
    ParameterPrior,
    SharedScaleEffects,
    brand_model,
)
from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, respond
from pymc_vibes.stats.special import Array
from tests.stats.media_worlds import World

LOGIT = stats.logistic.ppf


def drawn(prior: ParameterPrior, channels: int, rng: np.random.Generator) -> Array:
    if prior.family in {"beta", "given"}:
        return rng.uniform(0.2, 0.7, channels)
    return rng.uniform(0.4, 2.0, channels)


def log_prior(prior: ParameterPrior, value: Array) -> float:
    first, second = prior.first, prior.second
    if prior.family == "beta":
        return float(stats.beta(first, second).logpdf(value).sum())
    if prior.family == "half-normal":
        return float(stats.halfnorm(scale=first).logpdf(value).sum())
    rate = LOGISTIC_RATE / value if prior.family == "gamma-rate" else value
    return float(stats.gamma(first, scale=1 / np.asarray(second)).logpdf(rate).sum())


def point_of(prior: ParameterPrior, name: str, value: Array) -> dict[str, Array]:
    """Give the coordinates of a parameter's value."""
    if prior.family == "beta":
        return {f"{name}_interval__": LOGIT(value)}
    if prior.family == "half-normal":
        return {f"{name}_standard_log__": np.log(value / prior.first)}
    shown = LOGISTIC_RATE / value if prior.family == "gamma-rate" else value
    return {f"{name}_standard_log__": np.log(shown * np.asarray(prior.second) / prior.first)}


def likelihood(seen: World, y: Array, mu: Array, sigma: float, nu: float) -> float:
    """Write out how likely rows are."""
    form = seen.form
    place = np.exp(mu) if form.link == "log" and not form.is_log_noise else mu
    family = stats.t(nu, place, sigma) if "student" in form.noise else stats.norm(place, sigma)
    return float(family.logpdf(y).sum())


def both(seen: World, seed: int, prior: EffectPrior) -> tuple[dict[str, Array], float]:
    """Give a point in the coordinates of the model, and its density written out."""
    rng = np.random.default_rng(seed)
    data = brand_model(seen.series, seen.form, seen.priors).data
    channels = len(seen.form.channels)
    known = seen.priors.parameters
    params = {n: drawn(known[n], channels, rng) for n in seen.form.spec.parameters}
    at: dict[str, Array] = {}
    total = 0.0
    for name, value in params.items():
        at |= point_of(known[name], name, value)
        total += log_prior(known[name], value)
    ones = {n: v[None] for n, v in params.items()} | {"effect": np.ones((1, channels))}
    spec, behind = seen.form.spec, data["lagged"]
    bent = np.array([respond(spec, row.T[::-1], ones)[0, 0] for row in behind])
    effect, more, density = effect_of(prior, bent, rng)
    media = bent @ effect
    along = rng.normal(size=len(data["start"]))
    b = data["start"] + data["axes"] @ along - data["explained"] @ media
    sigma, nu = rng.uniform(0.05, 0.2), rng.uniform(3.0, 20.0)
    total += density + stats.norm(data["column_center"], data["column_sd"]).logpdf(b).sum()
    total += stats.halfnorm(scale=seen.priors.noise).logpdf(sigma)
    total += likelihood(seen, data["y"], data["columns"] @ b + media, sigma, nu)
    at |= more | {"along": along, "sigma_standard_log__": np.log(sigma / seen.priors.noise)}
    if "student" in seen.form.noise:
        at["freedom_beyond_log__"] = np.log(nu - 2)
        total += stats.gamma(2, scale=10).logpdf(nu - 2)
    return at, float(total)


def effect_of(
    prior: EffectPrior, bent: Array, rng: np.random.Generator
) -> tuple[Array, dict[str, Any], float]:
    value: Array = rng.uniform(0.02, 0.3, (bent.shape[1],))
    if isinstance(prior, SharedScaleEffects):
        spread, usual = rng.uniform(0.1, 0.6), bent.mean(0)
        at = {
            "effect_spread_standard_log__": np.log(spread / prior.scale),
            "effect_standard_log__": np.log(value * usual / (SHARED_START * prior.scale)),
        }
        density = stats.halfnorm(scale=prior.scale).logpdf(spread) - np.log(usual).sum()
        return value, at, float(density + np.sum(stats.halfnorm(scale=spread).logpdf(value)))
    if isinstance(prior, HalfNormalEffects):
        unit, density = prior.sd, np.sum(stats.halfnorm(scale=prior.sd).logpdf(value))
    else:
        unit, is_log = prior.median, prior.log_sd > 0
        log_normal = stats.lognorm(np.where(is_log, prior.log_sd, 1), scale=unit).logpdf(value)
        half_normal = stats.halfnorm(scale=unit).logpdf(value)
        density = np.sum(np.where(is_log, log_normal, half_normal))
    return value / bent.mean(0), {"effect_standard_log__": np.log(value / unit)}, float(density)
