"""Rules about channels: whether their activity and spend can say anything, and fit each other.

Thresholds of variation and sparseness come from worlds with a known truth: a channel whose spend
varies by less than 15 % of its mean had intervals wider than the effect itself.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.combining import is_known
from pymc_vibes.kinds.marketing_mix.messages import SHOWN, Message, RowPlace, day_of, listed, many

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.special import Array

FLAT = 0.15
SPARSE = 0.8
FAR = 5.0
"""Robust z-score beyond which a value is an outlier."""
_COST_FACTOR = 3.0  # ordinary prices of media stay well within it
JUMP = 10.0
"""Factor by which a change of currency or unit shows."""
_SIDE = 8  # periods on each side of a jump
_MAD_TO_SD = 1.4826


def media_messages(panel: Panel) -> Iterator[Message]:
    """Say what is odd about channels."""
    for place, channel in enumerate(panel.channels):
        activity = panel.activity[..., place]
        spend = panel.spend[..., place]
        yield from _variation(channel, activity)
        yield from _jump(panel, f"activity of {channel}", activity.sum(axis=0))
        if is_known(spend).all() and (spend != activity).any():
            yield from _mismatch(panel, channel, activity, spend)
            yield from _cost(panel, channel, activity, spend)
            yield from _jump(panel, f"spend of {channel}", spend.sum(axis=0))
    free = [c for i, c in enumerate(panel.channels) if not is_known(panel.spend[..., i]).all()]
    if free:
        yield Message(
            code="no-spend",
            severity="note",
            text=f"{listed(free)}: no spend is known, so no return on it will be told.",
            hint="Add a column of spend, or leave it if the channel is free.",
            columns=tuple(free),
        )


def _variation(channel: str, activity: "Array") -> Iterator[Message]:
    if activity.min() == activity.max():
        value = activity.flat[0]
        yield Message(
            code="idle-channel",
            severity="error",
            text=f"{channel} is {value:g} in every period: nothing can be learned about it.",
            hint="Leave the channel out of drivers.",
            columns=(channel,),
        )
        return
    spread = float(activity.std(axis=1).mean() / activity.mean())
    if spread < FLAT:
        yield Message(
            code="flat-channel",
            severity="warning",
            text=f"{channel} hardly varies (sd {spread:.0%} of its mean): its effect cannot be "
            "told from the level of sales, and its interval will be wide.",
            hint="A planned pause or increase, or an experiment, would tell.",
            columns=(channel,),
        )
    silent = float((activity == 0).mean())
    if silent > SPARSE:
        yield Message(
            code="sparse-channel",
            severity="warning",
            text=f"{channel} has no activity in {silent:.0%} of the periods.",
            hint="Its carry-over and saturation will come from their priors.",
            columns=(channel,),
        )


def _mismatch(panel: Panel, channel: str, activity: "Array", spend: "Array") -> Iterator[Message]:
    import numpy as np

    wrong = (
        ("spend-without-activity", (spend > 0) & (activity == 0), "spend and no activity"),
        ("activity-without-spend", (spend == 0) & (activity > 0), "activity and no spend"),
    )
    for code, where, words in wrong:
        at = np.argwhere(where)
        if len(at):
            yield Message(
                code=code,
                severity="warning",
                text=f"{channel} has {words} in {many(len(at), 'period')}.",
                hint="Check whether a column is missing, or invoices are booked in other periods.",
                columns=(channel,),
                count=len(at),
                places=_places(panel, at, channel),
            )


def _cost(panel: Panel, channel: str, activity: "Array", spend: "Array") -> Iterator[Message]:
    import numpy as np

    both = (spend > 0) & (activity > 0)
    if both.sum() < _SIDE:
        return
    cost = np.log(np.where(both, spend, 1.0) / np.where(both, activity, 1.0))
    center = np.median(cost[both])
    spread = _MAD_TO_SD * np.median(np.abs(cost[both] - center))
    far = np.abs(cost - center) > max(FAR * spread, np.log(_COST_FACTOR))
    at = np.argwhere(both & far)
    if len(at):
        yield Message(
            code="odd-cost",
            severity="warning",
            text=f"{channel} costs more than {_COST_FACTOR:g} times or less than a third of the "
            f"usual per unit of activity in {many(len(at), 'period')}.",
            hint="Check units and currencies of these rows.",
            columns=(channel,),
            count=len(at),
            places=_places(panel, at, channel),
        )


def _jump(panel: Panel, what: str, values: "Array") -> Iterator[Message]:
    import numpy as np

    if len(values) < 4 * _SIDE or (values <= 0).any():
        return  # flights that start and stop are no change of unit
    ratio = np.abs(jumps(np.log(values), _SIDE))
    at = int(ratio.argmax())
    if ratio[at] > np.log(JUMP):
        yield Message(
            code="unit-jump",
            severity="warning",
            text=f"The {what} changes its size by a factor of about {np.exp(ratio[at]):.0f} at "
            f"{day_of(panel.days[at + _SIDE])}, and stays there.",
            hint="Check whether its unit or currency changed.",
            places=(RowPlace(period=day_of(panel.days[at + _SIDE])),),
        )


def jumps(values: "Array", side: int) -> "Array":
    """Give the median of the next `side` values less that of those before, place by place.

    The first place is `side`, the last so many before the end.
    """
    import numpy as np

    medians = np.median(np.lib.stride_tricks.sliding_window_view(values, side), axis=1)
    return np.asarray(medians[side:] - medians[:-side])


def _places(panel: Panel, at: "np.ndarray", channel: str) -> tuple[RowPlace, ...]:
    return tuple(
        RowPlace(entity=panel.entities[g], period=day_of(panel.days[t]), column=channel)
        for g, t in at[:SHOWN].tolist()
    )
