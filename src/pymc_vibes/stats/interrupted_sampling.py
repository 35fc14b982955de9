"""One interrupted series as a model for the sampler's children, and what their chains say of it.

The same models as `autoregression.regress` and `latent_counts.regress_counts`, and one that only
is sampled: Student-t noise. Nothing here imports PyMC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_vibes.stats.autoregression import Prior, Regression, fixed_grid, regress, whiten
from pymc_vibes.stats.interrupted_models import LEAST_FREEDOM
from pymc_vibes.stats.latent_counts import CountPrior, CountSeries
from pymc_vibes.stats.nuts.model import Model

if TYPE_CHECKING:
    import xarray as xr

    from pymc_vibes.stats.nuts.model import Sampled
    from pymc_vibes.stats.special import Array

type Observation = Literal["normal", "student"]
type Family = Literal["poisson", "negative-binomial"]
type Errors = Literal["ar1-white", "ar1", "independent"]

_MODELS = "pymc_vibes.stats.interrupted_models"
_BLOCK = 32  # days: series of about one length share a compiled model
_TYPICAL = ([0.5], [0.5])  # phi and share at which the axes of the coefficients are laid
_FAR = 6.0  # medians: four sds of normal noise
_ROUNDS = 3  # outliers hide each other
_HALF = 0.5  # added to counts whose logarithm is taken, so that 0 has one


@dataclass(frozen=True, eq=False)
class SeriesDraws:
    """Joint draws, chain after chain; None where the model has no such number."""

    coefficients: "Array"
    """`(draws, coefficients)`."""
    phi: "Array | None"
    sigma: "Array | None"
    share: "Array | None"
    nu: "Array | None"
    """Degrees of freedom of Student-t noise."""
    tau: "Array | None"
    """Stationary sd of the state of counts, on the log scale."""
    alpha: "Array | None"
    """A count varies by mu + mu^2 / alpha."""


def series_model(
    day: "Array",
    count: "Array",
    columns: "Array",
    y: "Array",
    prior: Prior,
    *,
    observation: Observation = "normal",
    errors: Errors = "ar1-white",
    names: Sequence[str] | None = None,
) -> Model:
    """Say what to sample of a series of numbers; arguments as of `autoregression.whiten`.

    `names` label the coefficients. Raises `ValueError` for a state without white noise where days
    have several rows, or where the noise is Student-t: it has no place to be.
    """
    if errors == "ar1" and (observation == "student" or len(np.unique(day)) < len(day)):
        raise ValueError("Without white noise a day has one row, and no Student-t noise.")
    white = np.sum(count) / len(np.unique(day)) / count
    heard, rough = _rough(day, count, columns, y, prior, outliers=observation == "student")
    return _model(
        observation,
        {"errors": errors},
        {
            "x": columns,
            "y": y,
            "start": rough.mean[0],
            "axes": np.linalg.cholesky(rough.covariance[0]),
            "prior_sd": prior.sd,
            "prior_center": np.zeros(len(prior.sd)),
            "scale_prior": np.array([prior.weight, prior.spread]),
            **({"gap": np.diff(day)} if errors == "ar1" else {"white": white, **_states(day)}),
            **({"heard": heard} if observation == "student" else {}),
        },
        _names(day, columns, names, states=errors != "ar1"),
    )


def count_model(
    series: CountSeries,
    prior: CountPrior,
    *,
    family: Family = "negative-binomial",
    errors: Literal["ar1", "independent"] = "ar1",
    names: Sequence[str] | None = None,
) -> Model:
    """Say what to sample of a series of counts; the white noise is that of a count."""
    is_state = errors == "ar1"
    extra = {"extra_prior": np.array([prior.extra_spread])} if family != "poisson" else {}
    state = {"tau_prior": np.array([prior.state_spread]), **_states(series.day)} if is_state else {}
    return _model(
        "counts",
        {"family": family, "errors": errors},
        {
            "x": series.columns,
            "y": series.count,
            "log_exposure": np.log(series.exposure),
            "prior_sd": prior.sd,
            "prior_center": np.broadcast_to(prior.center, prior.sd.shape),
            **_log_axes(series, prior),
            **extra,
            **state,
        },
        _names(series.day, series.columns, names, states=is_state),
    )


def series_draws(sampled: "Sampled") -> SeriesDraws:
    """Read the chains of one of these models."""
    posterior = sampled.tree["posterior"]
    ordered = posterior["coefficients"].transpose("chain", "draw", "coefficient").to_numpy()

    def scalar(name: str) -> "Array | None":
        if name not in posterior:
            return None
        return np.asarray(posterior[name].transpose("chain", "draw").to_numpy().ravel())

    return SeriesDraws(
        coefficients=ordered.reshape(-1, ordered.shape[2]),
        phi=scalar("phi"),
        sigma=scalar("sigma"),
        share=scalar("share"),
        nu=scalar("nu"),
        tau=scalar("tau"),
        alpha=scalar("alpha"),
    )


def prior_draws(model: Model, draws: int, rng: np.random.Generator) -> "xr.Dataset":
    """Draw what one of these models estimates from its prior, as one chain, `(chain, draw, ...)`.

    States of days are left out: they follow from the others.
    """
    import xarray as xr

    data, is_state = model.data, model.options["errors"] != "independent"
    found: dict[str, Array] = {"phi": rng.random(draws)} if is_state else {}
    scale = np.ones(draws)
    if "scale_prior" in data:
        weight, spread = data["scale_prior"]
        scale = rng.gamma(weight / 2, 2 / (weight * spread**2), draws) ** -0.5
        found["sigma"] = scale
        if model.options["errors"] == "ar1-white":
            found["share"] = rng.random(draws)
    if "heard" in data:
        found["nu"] = LEAST_FREEDOM + rng.gamma(2.0, 10.0, draws)
    if "tau_prior" in data:
        found["tau"] = rng.exponential(data["tau_prior"][0], draws)
    if "extra_prior" in data:
        found["alpha"] = rng.exponential(data["extra_prior"][0], draws) ** -2
    standard = rng.standard_normal((draws, len(data["prior_sd"])))
    coefficients = data["prior_center"] + scale[:, None] * data["prior_sd"] * standard
    return xr.Dataset(
        {name: (("chain", "draw"), values[None]) for name, values in found.items()}
        | {"coefficients": (("chain", "draw", "coefficient"), coefficients[None])}
    )


def _model(
    builder: str,
    options: Mapping[str, str],
    data: "Mapping[str, np.ndarray]",
    coords: Mapping[str, Sequence[str]],
) -> Model:
    arrays = {
        name: np.array(array, dtype=np.int64 if name == "place" else np.float64)
        for name, array in data.items()
    }
    return Model(f"{_MODELS}:{builder}", options, arrays, coords)


def _rough(
    day: "Array", count: "Array", columns: "Array", y: "Array", prior: Prior, *, outliers: bool
) -> "tuple[Array, Regression]":
    """Give a rough fit, if need be without outliers, and which rows are none."""
    heard, series = np.ones(len(day), dtype=bool), np.column_stack([columns, y])
    grid = fixed_grid(*_TYPICAL)
    for _ in range(_ROUNDS if outliers else 0):
        found = regress(whiten(day[heard], count[heard], series[heard], grid), prior)
        away = np.abs(y - columns @ found.mean[0])
        heard = away <= _FAR * np.median(away)
    return heard, regress(whiten(day[heard], count[heard], series[heard], grid), prior)


def _states(day: "Array") -> "dict[str, np.ndarray]":
    """Give the days as states of a padded length, and their cosine transform."""
    known, place = np.unique(day, return_inverse=True)
    many = len(known)
    size = _size(many)
    order = np.arange(many)
    norm = np.sqrt(np.where(order > 0, 2.0, 1.0) / many)
    waves, gap, cosine = np.eye(size), np.ones(size - 1), np.zeros(size)
    waves[:many, :many] = norm[:, None] * np.cos(np.pi * order[:, None] * (order + 0.5) / many)
    gap[: many - 1] = np.diff(known)
    cosine[:many] = np.cos(np.pi * order / many)
    real = np.arange(size) < many
    return {
        "place": place,
        "real": real,
        "linked": real[1:],
        "gap": gap,
        "waves": waves,
        "cosine": cosine,
    }


def _size(many: int) -> int:
    return -(-many // _BLOCK) * _BLOCK


def _names(
    day: "Array", columns: "Array", names: Sequence[str] | None, *, states: bool
) -> dict[str, Sequence[str]]:
    """Label coefficients and days; padding is called by numbers that follow."""
    labels: dict[str, Sequence[str]] = {
        "coefficient": list(names or map(str, range(columns.shape[1])))
    }
    if not states:
        return labels
    known = [f"{one:g}" for one in np.unique(day)]
    padding = [f"padding {one}" for one in range(1, _size(len(known)) - len(known) + 1)]
    return {**labels, "day": [*known, *padding]}


def _log_axes(series: CountSeries, prior: CountPrior) -> "dict[str, Array]":
    """Give a rough place and axes of the coefficients: least squares of logarithms."""
    about = np.asarray(series.count) + _HALF
    weight = 1 / (1 / about + prior.state_spread**2 + prior.extra_spread**2)
    precision = (series.columns.T * weight) @ series.columns + np.diag(prior.sd**-2.0)
    covariance = np.linalg.inv(precision)
    off = np.log(about / series.exposure) - series.columns @ np.broadcast_to(
        prior.center, prior.sd.shape
    )
    return {
        "start": prior.center + covariance @ (series.columns.T @ (weight * off)),
        "axes": np.linalg.cholesky(covariance),
    }
