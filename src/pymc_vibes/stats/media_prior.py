"""What a marketing mix expects before any sales: draws of its priors, named as chains are.

Activity, columns and the units of both are given; `media_model` has the densities. So the datasets
here can be read by `brand_draws` and `reference_draws` like those of a sampler, as one chain.
"""

from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.stats.media_model import LEAST_FREEDOM
from pymc_vibes.stats.media_sampling import (
    EffectPrior,
    HalfNormalEffects,
    LogNormalEffects,
    MediaForm,
    MediaPriors,
    MediaSeries,
    ParameterPrior,
    SharedScaleEffects,
    Tails,
    column_prior,
    measures,
)
from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, respond

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from pymc_vibes.stats.special import Array


def brand_prior(
    series: "Sequence[MediaSeries]",
    form: MediaForm,
    priors: MediaPriors,
    draws: int,
    rng: np.random.Generator,
) -> "xr.Dataset":
    """Draw everything that `brand_model` estimates from its prior, `(chain, draw, ...)`."""
    many = len(form.channels)
    params = {
        name: draw_parameter(priors.parameters[name], draws, many, rng)
        for name in form.spec.parameters
    }
    effect = draw_effects(priors.effects, draws, many, rng)
    if not isinstance(priors.effects, SharedScaleEffects):
        effect = effect / _mean_exposure(series, form, params)
    center, sd = column_prior(form, priors, levels=len(series))
    found: dict[str, tuple[tuple[str, ...], Array]] = {
        **{name: (("channel",), value) for name, value in params.items()},
        "effect": (("channel",), effect),
        "coefficients": (("column",), center + sd * rng.standard_normal((draws, len(sd)))),
        "sigma": ((), priors.noise * np.abs(rng.standard_normal(draws))),
    }
    if form.geos:
        spread = priors.geo * np.abs(rng.standard_normal((draws, 1, many)))
        away = rng.standard_normal((draws, len(form.geos), many))
        found["geo_effect"] = (("geo", "channel"), effect[:, None] * np.exp(spread * away))
    if "student" in form.noise:
        found["nu"] = ((), draw_freedom(priors.tails, draws, rng))
    return _as_chain(found)


def reference_prior(form: MediaForm, draws: int, rng: np.random.Generator) -> "xr.Dataset":
    """Draw everything that the reference model estimates from its prior, `(chain, draw, ...)`."""
    effects = draw_effects(SharedScaleEffects(), draws, len(form.channels), rng)
    return _as_chain(
        {
            "beta": (("channel",), effects),
            "gamma": (("column",), 0.5 * rng.standard_normal((draws, len(form.columns)))),
            "intercept": ((), 2.0 * rng.standard_normal(draws)),
            "sigma": ((), np.abs(rng.standard_normal(draws))),
            "nu": ((), draw_freedom("exponential", draws, rng)),
        }
    )


def draw_effects(
    prior: EffectPrior, draws: int, channels: int, rng: np.random.Generator
) -> "Array":
    """Draw what channels bring on average, or coefficients of one scale, `(draws, channels)`."""
    standard = np.abs(rng.standard_normal((draws, channels)))
    match prior:
        case HalfNormalEffects(sd=sd):
            return np.asarray(standard * sd)
        case LogNormalEffects(median=median, log_sd=log_sd):
            log_normal = median * np.exp(log_sd * rng.standard_normal((draws, channels)))
            return np.where(log_sd > 0, log_normal, standard * median)
        case SharedScaleEffects(scale=scale):
            return np.asarray(standard * scale * np.abs(rng.standard_normal((draws, 1))))


def draw_parameter(
    prior: ParameterPrior, draws: int, channels: int, rng: np.random.Generator
) -> "Array":
    """Draw one parameter of adstock or saturation, `(draws, channels)`."""
    shape = (draws, channels)
    first, second = (np.broadcast_to(number, shape) for number in (prior.first, prior.second))
    match prior.family:
        case "beta":
            return np.asarray(rng.beta(first, second))
        case "gamma":
            return np.asarray(rng.gamma(first, 1 / second))
        case "gamma-rate":
            return np.asarray(LOGISTIC_RATE / rng.gamma(first, 1 / second))
        case "half-normal":
            return np.asarray(first * np.abs(rng.standard_normal(shape)))
        case "given":
            return np.array(first, dtype=float)


def draw_freedom(tails: Tails, draws: int, rng: np.random.Generator) -> "Array":
    """Draw degrees of freedom of Student-t noise, `(draws,)`."""
    if tails == "exponential":
        return rng.exponential(10.0, draws)
    return LEAST_FREEDOM + rng.gamma(2.0, 10.0, draws)


def _mean_exposure(
    series: "Sequence[MediaSeries]", form: MediaForm, params: "Mapping[str, Array]"
) -> "Array":
    """Give the mean of what coefficients multiply where sales are known, `(draws, channels)`."""
    total, rows = np.zeros(()), 0
    for one, measure in zip(series, measures(series, form), strict=True):
        known = np.isfinite(one.sales)
        every = {**params, "effect": np.ones((1, len(form.channels)))}
        bent = respond(form.spec, one.activity / measure.scale, every)
        total, rows = total + bent[:, known].sum(axis=1), rows + int(known.sum())
    return np.asarray(total / rows)


def _as_chain(found: "Mapping[str, tuple[tuple[str, ...], Array]]") -> "xr.Dataset":
    import xarray as xr

    return xr.Dataset(
        {name: (("chain", "draw", *dims), value[None]) for name, (dims, value) in found.items()}
    )
