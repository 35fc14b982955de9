"""From experiments to evidence in the model's units.

Days become periods. The first day may lie anywhere: nothing happens before it, and the activity of
its period counts as even over the days. The last day of a readout must be the last of a period:
what a test does later in that period would be counted by the model and not by the readout.

Readouts of one run may have errors in common. They are then taken one after the other: each later
one as what is new in it, given those before.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.lift import LiftReadout
from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.features import Features
from pymc_vibes.kinds.marketing_mix.lifts import Told, told
from pymc_vibes.kinds.marketing_mix.windows import Span, day_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from pymc_vibes.stats.media_experiments import Evidence, Experiment
    from pymc_vibes.stats.special import Array

_EPOCH = date(1970, 1, 1).toordinal()
_ROUNDING = 1e-9  # of the largest activity: below zero by less is zero


@dataclass(frozen=True, kw_only=True, eq=False)
class _Market:
    """What experiments are laid on: the periods that are fitted and predicted."""

    channels: tuple[str, ...]
    edges: "np.ndarray"
    """First day of every period, and the day after the last, since 1970."""
    activity: "Array"
    """As it was measured, `(periods, channels)`."""
    grain: str


def evidence_of(
    panel: Panel, span: Span, features: Features, config: MarketingMixConfig
) -> "Evidence | None":
    """Give what the experiments of the settings say, for `brand_model`; None without any.

    Raises `BadConfig` that names the setting where an experiment does not fit the data.
    """
    plain = readouts_of(panel, span, features, config)
    if plain is None:
        return None
    told_apart = experiments_of(panel, span, features, config)
    return _one_after_the_other(plain, [one.covariance for one, _ in told_apart])


def readouts_of(
    panel: Panel, span: Span, features: Features, config: MarketingMixConfig
) -> "Evidence | None":
    """Give the readouts as they were measured, for tables: errors in common are left out."""
    experiments = experiments_of(panel, span, features, config)
    if not experiments:
        return None
    from pymc_vibes.stats.media_experiments import gather
    from pymc_vibes.stats.media_sampling import measures

    (series,) = features.series
    scale = measures(features.series, features.form)[0].scale
    scaled = [replace(one, change=one.change / scale) for _, one in experiments]
    return gather(scaled, series.activity / scale, features.form.spec.lags)


def experiments_of(
    panel: Panel, span: Span, features: Features, config: MarketingMixConfig
) -> "tuple[tuple[Told, Experiment], ...]":
    """Give the experiments with their numbers, in periods; changes are in the channel's own unit.

    Errors that the readouts of one have in common are not part of it.
    """
    if not config.experiments:
        return ()
    _check_model(features, config)
    market = _Market(
        channels=panel.channels,
        edges=_edges(panel, span),
        activity=features.series[0].activity[features.form.spec.lags :],
        grain=panel.grain,
    )
    entries = [told(place, entry) for place, entry in enumerate(config.experiments)]
    _check_names(entries)
    return tuple((one, _experiment(one, market)) for one in entries)


def _check_model(features: Features, config: MarketingMixConfig) -> None:
    if features.form.geos:
        raise BadConfig(
            "Experiments are of the brand as a whole, and the entities are kept apart.",
            hint="Set panel to total, or leave experiments out.",
            fields=[{"field": "experiments", "reason": "needs panel total"}],
        )
    if config.is_reference:
        raise BadConfig(
            "The reference model takes no experiments.",
            hint="Take the preset default, or leave experiments out.",
            fields=[{"field": "experiments", "reason": "needs the preset default"}],
        )


def _check_names(entries: "Sequence[Told]") -> None:
    seen: set[str] = set()
    for one in entries:
        if one.name in seen:
            raise one.refuse("name", "another one has that name", "Give each a name of its own.")
        seen.add(one.name)


def _edges(panel: Panel, span: Span) -> "np.ndarray":
    import numpy as np

    return np.append(panel.days[span.fit : span.stop], day_after(panel))


def _experiment(one: Told, market: _Market) -> "Experiment":
    from pymc_vibes.stats.media_experiments import Experiment, Readout

    if one.entry.channel not in market.channels:
        known = f"The channels are: {', '.join(market.channels)[:500]}."
        raise one.refuse("channel", f"there is no channel {one.entry.channel[:80]!r}", known)
    places = [_periods(one, readout, market) for readout in one.readouts]
    return Experiment(
        name=one.name,
        start=places[0][0],
        change=_change(one, places[0], market),
        readouts=tuple(
            Readout(start=start, stop=stop, lift=readout.mean, sd=float(variance**0.5))
            for (start, stop), readout, variance in zip(
                places, one.readouts, one.covariance.diagonal(), strict=True
            )
        ),
        grade=one.grade,
        is_in_panel=one.entry.is_in_panel,
        freedom=one.freedom,
        weight=one.entry.weight,
    )


def _periods(one: Told, readout: LiftReadout, market: _Market) -> tuple[int, int]:
    """Give the periods from the one with the first day to the one that the last day ends."""
    import numpy as np

    first, after = _day(readout.first), _day(readout.last) + 1
    edges, setting = market.edges, _setting(one, readout)
    if first < edges[0] or after > edges[-1]:
        span = f"{_date(edges[0])} to {_date(edges[-1] - 1)}"
        reason = f"{readout.first} to {readout.last} is not within the fitted data, {span}"
        raise one.refuse(setting, reason, "Upload those periods, or fit more of the history.")
    start = int(np.searchsorted(edges, first, side="right")) - 1
    stop = int(np.searchsorted(edges, after))
    if edges[stop] != after:
        ends = f"{_date(edges[stop - 1] - 1)} or {_date(edges[stop] - 1)}"
        reason = f"{readout.last} is not the last day of a {market.grain}"
        raise one.refuse(setting, reason, f"Take a readout that ends on {ends}.")
    if readout is not one.readouts[0] and edges[start] != first:
        reason = f"{readout.first}, where its later days begin, is no first day of a {market.grain}"
        raise one.refuse(setting, reason, "Let the test end with a period.")
    return start, stop


def _setting(one: Told, readout: LiftReadout) -> str:
    if one.entry.run_id is not None and one.entry.first is None:
        return "run_id"
    return "last" if readout is one.readouts[0] else "after_last"


def _change(one: Told, place: tuple[int, int], market: _Market) -> "Array":
    """Give activity with the test less that without it, `(periods, channels)`."""
    import numpy as np

    channel = market.channels.index(one.entry.channel)
    there = market.activity[place[0] : place[1], channel]
    change = np.zeros((len(there), len(market.channels)))
    change[:, channel] = _changed(one, there, _days_of(one, place, market))
    if not change.any():
        reason = "the channel has no activity on those days, so a multiple of it is none"
        raise one.refuse("factor", reason, "Give change, in the unit of the channel's column.")
    sign = -1.0 if one.entry.is_in_panel else 1.0
    least = float((there + sign * change[:, channel]).min())
    if least < -_ROUNDING * float(market.activity[:, channel].max()):
        side = "without" if one.entry.is_in_panel else "with"
        reason = f"{side} the test, activity would be below zero: {least:,.4g} in a {market.grain}"
        hint = "A change is activity with the test less that without it: below 0 for a cut."
        raise one.refuse("change", reason, hint)
    return change


def _days_of(one: Told, place: tuple[int, int], market: _Market) -> "tuple[Array, Array]":
    """Give the days of the test in each of its periods, and the days that those have."""
    import numpy as np

    edges = market.edges[place[0] : place[1] + 1]
    days = np.diff(edges).astype(float)
    inside = np.diff(np.maximum(edges, _day(one.readouts[0].first))).astype(float)
    return inside, days


def _changed(one: Told, there: "Array", days: "tuple[Array, Array]") -> "Array":
    entry, (inside, every) = one.entry, days
    if entry.change is not None:
        return entry.change * inside / inside.sum()
    share = inside / every
    if entry.factor is None:  # without the test there was none
        return there * share
    if not entry.is_in_panel:
        return there * share * (entry.factor - 1)
    if entry.factor == 0:
        reason = "the data hold no activity on those days, and do not say what it would have been"
        hint = (
            "Give change: what was cut in total, below 0 and in the unit of the channel's column."
        )
        raise one.refuse("factor", reason, hint)
    return there - there / (1 - share + share * entry.factor)


def _one_after_the_other(plain: "Evidence", covariances: "Sequence[Array]") -> "Evidence":
    """Take each readout as what is new in it, given those of the same run before it."""
    import numpy as np
    from scipy.linalg import block_diag

    roots = [_root(covariance) for covariance in covariances]
    own = [
        root.diagonal() / np.sqrt(c.diagonal()) for root, c in zip(roots, covariances, strict=True)
    ]
    new = block_diag(*(np.linalg.inv(root / root.diagonal()) for root in roots))
    return replace(
        plain,
        member=new @ plain.member,
        lift=new @ plain.lift,
        sd=plain.sd * np.concatenate(own),
    )


def _root(covariance: "Array") -> "Array":
    """Give the Cholesky factor; errors that are one and the same are told apart by a little."""
    import numpy as np

    sds = np.sqrt(covariance.diagonal())
    correlation = covariance / np.outer(sds, sds)
    floor = 1e-6 * np.eye(len(sds))
    return np.asarray(sds[:, None] * np.linalg.cholesky((correlation + floor) / (1 + 1e-6)))


def _day(day: date | None) -> int:
    assert day is not None  # noqa: S101  # told has dated it
    return day.toordinal() - _EPOCH


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH + int(day))
