"""Rules about sales and controls: what can be fitted at all, and what will mislead."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import SHOWN, Message, RowPlace, day_of, listed, many
from pymc_vibes.kinds.marketing_mix.rules_media import FAR, jumps

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.special import Array

_MAD_TO_SD = 1.4826
_YEAR = {"day": 364, "week": 52, "month": 12}
_PARTIAL = 0.5  # of the least sales of the year before
_SHIFT = 1.5  # factor between the medians of half years
_LAGS = (1, 2, 3, 4)
FOLLOWS = 0.7
"""Correlation of a control with earlier media from which it may be their consequence."""


def sales_messages(panel: Panel, config: MarketingMixConfig) -> Iterator[Message]:
    """Say what is odd about sales, and about controls."""
    import numpy as np

    known = panel.sales[panel.observed]
    if known.min() == known.max():
        yield Message(
            code="constant-sales",
            severity="error",
            text=f"Sales are {known[0]:g} in every period.",
            hint="Choose another target_column.",
            columns=("sales",),
        )
        return
    yield from _logarithm(panel, config)
    yield from _unbalanced(panel)
    yield from _outliers(panel)
    total = np.where(panel.observed, panel.sales, 0.0).sum(axis=0)[panel.first :]
    yield from _partial(panel, total)
    yield from _shift(panel, total)
    yield from _controls(panel)


def _logarithm(panel: Panel, config: MarketingMixConfig) -> Iterator[Message]:
    import numpy as np

    if not config.takes_log:
        at = np.argwhere(panel.observed & (panel.sales < 0))
        if len(at):
            yield _about_sales(panel, at, "negative-sales", "warning", "negative",
                               "Book refunds in the period of the sale.")  # fmt: skip
        return
    known = np.where(panel.observed, panel.sales, 1.0)
    lowest = float(known.min())
    offset = config.offset if config.offset is not None else float(lowest <= 0)
    at = np.argwhere(panel.observed & (panel.sales + offset <= 0))
    if len(at):
        yield _about_sales(
            panel, at, "no-logarithm", "error", "not above 0, and have no logarithm",
            "Take link identity, or an offset above 0.",
        )  # fmt: skip
    elif lowest <= 0:
        at = np.argwhere(panel.observed & (panel.sales <= 0))
        yield _about_sales(
            panel, at, "zero-sales", "warning", f"0 or less: {offset:g} is added to all sales",
            "Effects in small periods depend on what is added: consider link identity.",
        )  # fmt: skip


def _about_sales(
    panel: Panel, at: "np.ndarray", code: str, severity: str, words: str, hint: str
) -> Message:
    return Message(
        code=code,
        severity="error" if severity == "error" else "warning",
        text=f"Sales are {words} in {many(len(at), 'period')}.",
        hint=hint,
        columns=("sales",),
        count=len(at),
        places=tuple(
            RowPlace(
                entity=panel.entities[g],
                period=day_of(panel.days[t]),
                column="sales",
                value=float(panel.sales[g, t]),
            )
            for g, t in at[:SHOWN].tolist()
        ),
    )


def _unbalanced(panel: Panel) -> Iterator[Message]:
    import numpy as np

    if len(panel.entities) == 1:
        return
    known = panel.observed[:, panel.first :]
    late = np.flatnonzero(~known[:, 0] | ~known[:, -1])
    if len(late):
        names = [panel.entities[i] for i in late.tolist()]
        yield Message(
            code="unbalanced-panel",
            severity="warning",
            text=f"{listed(names)}: sales begin later or end earlier than those of others, which "
            "looks like a change of the total.",
            hint="Choose a time that all entities share, or leave these out with entities.",
            count=len(late),
            places=tuple(RowPlace(entity=name) for name in names[:SHOWN]),
        )


def _outliers(panel: Panel) -> Iterator[Message]:
    import numpy as np

    sales = np.where(panel.observed, panel.sales, np.nan)
    kept = panel.observed.any(axis=1)
    center = np.full((len(sales), 1), np.nan)
    center[kept] = np.nanmedian(sales[kept], axis=1, keepdims=True)
    spread = np.full((len(sales), 1), np.nan)
    spread[kept] = np.nanmedian(np.abs(sales - center)[kept], axis=1, keepdims=True) * _MAD_TO_SD
    far = np.abs(sales - center) > FAR * np.where(spread > 0, spread, np.inf)
    at = np.argwhere(far)
    if len(at):
        yield _about_sales(
            panel, at, "outlying-sales", "warning",
            f"more than {FAR:g} robust sds from their median",
            "Explain them by a control, such as an event, or keep the noise with heavy tails.",
        )  # fmt: skip


def _partial(panel: Panel, total: "Array") -> Iterator[Message]:
    year = min(_YEAR[panel.grain], len(total) - 1)
    if year < 8:
        return
    before = total[-1 - year : -1]
    least = before[before > 0].min(initial=float("inf"))
    if 0 < total[-1] < _PARTIAL * least:
        yield Message(
            code="partial-last-period",
            severity="warning",
            text=f"The last {panel.grain}, {day_of(panel.days[-1])}, has less than half of the "
            "least sales of the year before: it may not be over.",
            hint=f"Leave it out: end = {day_of(panel.days[-1])}.",
            places=(
                RowPlace(period=day_of(panel.days[-1]), column="sales", value=float(total[-1])),
            ),
        )


def _shift(panel: Panel, total: "Array") -> Iterator[Message]:
    import numpy as np

    side = _YEAR[panel.grain] // 2
    if len(total) < 4 * side or (total <= 0).any():
        return
    logs = np.log(total)
    found = jumps(logs, side)
    at = int(np.abs(found).argmax())
    around = logs[at : at + 2 * side]
    after = np.repeat((0.0, found[at]), side)
    left = around - after
    noise = _MAD_TO_SD * np.median(np.abs(left - np.median(left)))
    if abs(found[at]) > max(np.log(_SHIFT), FAR * noise):
        day = day_of(panel.days[panel.first + at + side])
        yield Message(
            code="level-shift",
            severity="warning",
            text=f"Sales move to {np.exp(found[at]):.2f} times their level around {day}.",
            hint="Explain it by a control, such as a new product or region, or begin after it "
            "with start.",
            columns=("sales",),
            places=(RowPlace(period=day),),
        )


def _controls(panel: Panel) -> Iterator[Message]:
    flat = [n for i, n in enumerate(panel.controls) if panel.control[..., i].std() == 0]
    if flat:
        yield Message(
            code="constant-control",
            severity="warning",
            text=f"{listed(flat)} {'has' if len(flat) == 1 else 'have'} the same value "
            "everywhere, and no effect.",
            hint="Leave it out of controls.",
            columns=tuple(flat),
        )
    yield from _followers(panel, set(flat))


def _followers(panel: Panel, flat: set[str]) -> Iterator[Message]:
    """Name controls that move with earlier media more than with media of the same period."""
    media = panel.activity.sum(axis=0)
    for place, name in enumerate(panel.controls):
        control = panel.control[..., place].mean(axis=0)
        if name in flat or len(control) < 26:
            continue
        for c, channel in enumerate(panel.channels):
            now = _correlation(control, media[:, c])
            later = max(_correlation(control[lag:], media[:-lag, c]) for lag in _LAGS)
            if later > FOLLOWS and later > now:
                yield Message(
                    code="control-follows-media",
                    severity="warning",
                    text=f"{name} follows {channel} some periods later (correlation {later:.2f}).",
                    hint="If the channel moves it, such as brand searches, it is part of the "
                    "channel's effect: leave it out of controls.",
                    columns=(name, channel),
                )
                break


def _correlation(one: "Array", other: "Array") -> float:
    import numpy as np

    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(one, other)[0, 1]))
