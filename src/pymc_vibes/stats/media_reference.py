"""The reference model of a marketing mix: adstock and saturation given, not estimated.

    log(sales + offset) ~ StudentT(nu, intercept + x beta + controls gamma, sigma)

x is activity after adstock and saturation, divided by its sd and not centered, so that beta means
what it does for standardized columns while no activity is still no effect. Known faults, which an
answer should name: sales have no mean, only a median; without saturation more activity returns
ever more; and what decay is given is what decay is believed.
"""

from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.stats.media_effects import MediaDraws
from pymc_vibes.stats.media_sampling import MediaForm, MediaSeries, joined, measures
from pymc_vibes.stats.media_transforms import respond
from pymc_vibes.stats.nuts.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymc_vibes.stats.nuts.model import Sampled
    from pymc_vibes.stats.special import Array

_BUILDER = "pymc_vibes.stats.media_model:reference"


def reference_model(
    series: MediaSeries, form: MediaForm, params: "Mapping[str, Array]", *, center: bool = True
) -> Model:
    """Say what to sample, with parameters of adstock and saturation given, `(channels,)` each.

    `center` takes the mean of log sales off them, as the prior of the intercept needs. Raises
    `ValueError` for another link or noise, and for a channel whose column does not vary.
    """
    if form.noise != "log-student" or form.link != "log":
        raise ValueError("The reference model has the log link and log-student noise.")
    known = np.isfinite(series.sales)
    bent, spread = _media(series, form, params)
    if not spread.all():
        raise ValueError("A channel that does not vary has no standard deviation to be scaled by.")
    data = {
        "x": bent[known] / spread,
        "controls": series.columns[known],
        "y": np.log((series.sales[known] + form.offset) / _unit(series, form, center=center)),
    }
    labels = {"channel": list(form.channels), "column": list(form.columns)}
    return Model(_BUILDER, {}, {name: np.array(a, float) for name, a in data.items()}, labels)


def reference_draws(
    sampled: "Sampled",
    series: MediaSeries,
    form: MediaForm,
    params: "Mapping[str, Array]",
    *,
    center: bool = True,
) -> MediaDraws:
    """Read the chains of the reference model; arguments as of `reference_model`."""
    posterior = sampled.tree["posterior"].to_dataset()
    gamma = joined(posterior["gamma"], "column")
    _, spread = _media(series, form, params)
    given = {
        name: np.array(np.broadcast_to(value, (len(gamma), len(form.channels))))
        for name, value in params.items()
    }
    return MediaDraws(
        spec=form.spec,
        link=form.link,
        noise=form.noise,
        channels=tuple(form.channels),
        scale=measures([series], form)[0].scale,
        params={**given, "effect": joined(posterior["beta"], "channel") / spread},
        baseline=joined(posterior["intercept"])[:, None] + gamma @ series.columns.T,
        sigma=joined(posterior["sigma"]),
        nu=joined(posterior["nu"]),
        unit=_unit(series, form, center=center),
        offset=form.offset,
    )


def _unit(series: MediaSeries, form: MediaForm, *, center: bool) -> float:
    return measures([series], form)[0].unit if center else 1.0


def _media(
    series: MediaSeries, form: MediaForm, params: "Mapping[str, Array]"
) -> "tuple[Array, Array]":
    """Give what enters the model, `(periods, channels)`, and its sd where it is fitted."""
    scale = measures([series], form)[0].scale
    one = {name: np.atleast_2d(np.asarray(value, dtype=float)) for name, value in params.items()}
    bent = respond(form.spec, series.activity / scale, {**one, "effect": np.ones_like(scale)[None]})
    return bent[0], bent[0][np.isfinite(series.sales)].std(axis=0)
