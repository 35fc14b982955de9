"""The question for response curves: what a steady spend brings, and what a little more would."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.asking import channel_index, records, trusted
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.curves import Curve, curve_of, reach_of
from pymc_vibes.kinds.marketing_mix.options import Name
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.kinds.marketing_mix.words import with_interval
from pymc_vibes.stats.describe import plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.stats.special import Array

MOST_FIGURES = 12


class CurvesAsked(Parameters):
    """Which curves."""

    channel: Name | None = setting(None, "One channel; open: every channel.")


def curves(posterior: Posterior, config: MarketingMixConfig, asked: CurvesAsked) -> QueryAnswer:
    """Give what a steady activity of channels brings, as far as it was seen and a little beyond."""
    reading = trusted(posterior, config)
    wanted = (
        range(len(reading.channels))
        if asked.channel is None
        else [channel_index(reading, asked.channel)]
    )
    found = sorted((curve_of(reading, c) for c in wanted), key=_size, reverse=True)
    standing = _standing(reading, found)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(reading, found[0]),
            findings=tuple(_findings(reading, found)),
            tables=(standing, _points(reading, found)),
            context={"grain": reading.study.panel.grain, "reach": reach_of(reading)},
        ),
        figures=tuple(_figure(reading, curve) for curve in found[:MOST_FIGURES]),
        data={"channels": records(standing)},
    )


def _size(curve: Curve) -> float:
    return float(_usually(curve, curve.gain).mean())


def _usually(curve: Curve, draws: "Array") -> "Array":
    """Read draws of a curve, `(draws, points)`, at the usual amount."""
    import numpy as np

    last = len(curve.amount) - 1
    at = float(np.interp(curve.usual, curve.amount, np.arange(last + 1)))
    low = min(int(at), last - 1)
    return np.asarray(draws[:, low] + (at - low) * (draws[:, low + 1] - draws[:, low]))


def _unit(reading: Reading, curve: Curve) -> str:
    return reading.config.currency or "money" if curve.is_money else "activity"


def _headline(reading: Reading, curve: Curve) -> str:
    name, grain = reading.config.sales_name, reading.study.panel.grain
    usual = f"{plain(curve.usual)} {_unit(reading, curve)}"
    brings = with_interval(reading, _usually(curve, curve.gain))
    more = with_interval(reading, _usually(curve, curve.slope))
    return (
        f"The usual {usual} a {grain} on {curve.channel} bring {brings} {name}, and the next one "
        f"{more}."
    )


def _findings(reading: Reading, found: list[Curve]) -> Iterator[Finding]:
    if reach_of(reading) > 1:
        yield Finding(
            code="extrapolated", severity="note",
            text="The shaded part of a curve lies beyond the most that was seen in a period: "
            "there the form of the curve speaks, not the data.",
        )  # fmt: skip
    else:
        yield Finding(
            code="no-saturation", severity="warning",
            text="Without saturation more activity returns ever more, so the curves end at the "
            "most that was seen. Fit with saturation to look beyond.",
        )  # fmt: skip
    if len(found) > MOST_FIGURES:
        yield Finding(
            code="some-drawn", severity="note",
            text=f"The {MOST_FIGURES} largest of {len(found)} channels are drawn; all are in the "
            "tables.",
        )  # fmt: skip


def _standing(reading: Reading, found: list[Curve]) -> Table:
    """List where each channel stands on its curve."""
    name, grain = reading.config.sales_name, reading.study.panel.grain
    rows: list[tuple[JsonValue, ...]] = [
        (
            curve.channel, _unit(reading, curve), curve.usual, curve.most,
            *(float(n) for n in reading.three(_usually(curve, curve.gain))),
            *(float(n) for n in reading.three(_usually(curve, curve.slope))),
        )
        for curve in found
    ]  # fmt: skip
    per = f"{name} per {grain}"
    return Table(
        name="standing",
        title="Where each channel stands on its curve: what the usual amount brings, and one more",
        columns=(
            "channel", "amount_in", "usual", "most_seen", "gain", "gain_low", "gain_high",
            "marginal", "marginal_low", "marginal_high",
        ),
        units=("", "", "", "", per, per, per, name, name, name),
        rows=tuple(rows),
    )  # fmt: skip


def _points(reading: Reading, found: list[Curve]) -> Table:
    name, grain = reading.config.sales_name, reading.study.panel.grain
    rows: list[tuple[JsonValue, ...]] = []
    for curve in found:
        numbers = [*reading.three(curve.gain), *reading.three(curve.slope)]
        rows += [
            (curve.channel, float(amount), *(float(n[i]) for n in numbers),
             bool(amount > curve.most))
            for i, amount in enumerate(curve.amount)
        ]  # fmt: skip
    per = f"{name} per {grain}"
    return Table(
        name="curves",
        title=f"What a steady amount a {grain} brings",
        columns=(
            "channel", "amount", "gain", "gain_low", "gain_high", "marginal", "marginal_low",
            "marginal_high", "is_beyond_seen",
        ),
        units=("", "", per, per, per, name, name, name, ""),
        rows=tuple(rows),
    )  # fmt: skip


def _figure(reading: Reading, curve: Curve) -> Figure:
    from pymc_vibes.stats.chart_media import response

    name, grain = reading.config.sales_name, reading.study.panel.grain
    usual = _usually(curve, curve.gain)
    more = plain(float(_usually(curve, curve.slope).mean()))
    unit = _unit(reading, curve)
    place = reading.channels.index(curve.channel)
    return response(
        f"response_{place}",
        f"{curve.channel}: the next {unit} brings {more} {name}",
        f"{name} per {grain} that a steady amount of {curve.channel} brings; the usual "
        f"{plain(curve.usual)} {unit} bring {plain(float(usual.mean()))}.",
        amount=curve.amount,
        gain=reading.three(curve.gain),
        most=curve.most,
        usual=(curve.usual, float(usual.mean())),
        x_label=f"{unit} per {grain}",
        y_label=f"{name} per {grain}",
        level=reading.config.level,
    )
