"""Response curves: what a steady activity of a channel brings each period."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.marketing_mix.reading import Reading

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

_POINTS = 41
REACH = 1.5
"""How far curves are drawn beyond the largest activity that was seen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A channel's response, over all entities."""

    channel: str
    amount: "Array"
    """Money per period where spend is known, else activity, `(points,)`."""
    gain: "Array"
    """Sales per period beyond those without the channel, `(draws, points)`."""
    slope: "Array"
    """Sales per additional unit of `amount`, `(draws, points)`."""
    most: float
    """The largest amount that was seen in a period; beyond it the curve extrapolates."""
    usual: float
    """The mean amount over the fitted periods."""
    is_money: bool


def reach_of(reading: Reading) -> float:
    """Say how far curves go: without saturation nothing is known beyond what was seen."""
    return 1.0 if reading.config.saturation.kind == "none" else REACH


def curve_of(reading: Reading, channel: int) -> Curve:
    """Compute the curve of a channel; every entity keeps its share of the activity."""
    import numpy as np

    from pymc_vibes.stats.media_effects import response_curve

    study = reading.study
    fitted, lags = study.features.fitted, study.features.form.spec.lags
    seen = [activity[lags : lags + fitted, channel] for activity in reading.activity]
    whole = np.sum(seen, axis=0)
    most, total = float(whole.max()), float(whole.sum())
    at = np.linspace(0.0, reach_of(reading) * most, _POINTS)
    gain, slope = reading.zero, reading.zero
    for one, activity, own, terms in zip(
        reading.media, reading.activity, seen, reading.terms, strict=True
    ):
        share = float(own.sum()) / total
        found = response_curve(
            one.within(fitted), activity[: lags + fitted], channel, at=share * at,
            terms=terms[:, :fitted],
        )  # fmt: skip
        gain, slope = gain + found.gain, slope + share * found.slope
    price = float(reading.spend[channel]) / total if reading.paid[channel] else 1.0
    return Curve(
        channel=reading.channels[channel],
        amount=at * price,
        gain=gain,
        slope=slope / price,
        most=most * price,
        usual=float(whole.mean()) * price,
        is_money=bool(reading.paid[channel]),
    )


def curves_figure(reading: Reading) -> Figure:
    """Draw the curves of all channels against the share of what each had at most."""
    from pymc_vibes.stats.chart import MAX_CURVES, lines_with_bands

    curves = [curve_of(reading, c) for c in range(len(reading.channels))]
    ranked = sorted(curves, key=lambda curve: -float(curve.gain[:, -1].mean()))
    name, grain = reading.config.sales_name, reading.study.panel.grain
    reach = reach_of(reading)
    lines = [
        (
            curve.channel, curve.amount / curve.most, curve.gain.mean(axis=0),
            *reading.ends(curve.gain),
        )
        # every figure gives a channel the same color, unless there are more than colors
        for curve in (curves if len(curves) <= MAX_CURVES else ranked)
    ]  # fmt: skip
    return lines_with_bands(
        "response_curves",
        f"At full activity {ranked[0].channel} brings most {name} per {grain}",
        f"{name} per {grain} that a steady activity of each channel brings, from none to {reach:g} "
        "times the most that was seen. Beyond 1 the curves extrapolate.",
        lines=lines,
        x_label="activity, as a share of the most seen in a period",
        y_label=f"{name} per {grain}",
        level=reading.config.level,
        y_zero=True,
        at=[("right of it the curves go beyond what was seen", 1.0)] if reach > 1 else (),
    )
