"""What is worth knowing of entities and windows beside the rates, in words."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding
from pymc_vibes.kinds.entity_rates.reading import CONTENDERS, Entities
from pymc_vibes.kinds.entity_rates.settings import EntityConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEARLY_POISSON = 0.1  # windows' own coefficient of variation below which it hardly matters
_TOO_FINE = 0.02  # events per window; with so many windows they look like times of events
_MANY_WINDOWS = 1000
_TREND = 4.0  # standard errors


def findings_of(entities: Entities, config: EntityConfig) -> tuple[Finding, ...]:
    """Say how strong the pooling is, what the spreads are, and what the data cannot tell."""
    return (
        *_pooling(entities),
        *_spreads(entities),
        *_not_separable(entities),
        *_silent(entities),
        *_trend(entities, config),
        *_fine_windows(entities, config),
        *_cut(entities),
    )


def _pooling(entities: Entities) -> "Iterator[Finding]":
    import numpy as np

    if len(entities.labels) < 2:
        return
    weight = float(np.mean(entities.own_weight))
    far = (
        ""
        if _is_nearly_poisson(entities)
        else "; far above it own counts weigh less, as windows vary more there"
    )
    strength = "weak" if weight > 0.8 else "moderate" if weight > 0.4 else "strong"
    yield Finding(
        code="pooling",
        severity="note",
        text=f"Pooling is {strength}: near the mean rate {_share(weight)} of an entity's "
        f"estimate comes from its own counts and {_share(1 - weight)} from the population{far}.",
    )


def _is_nearly_poisson(entities: Entities) -> bool:
    import numpy as np

    return float(np.mean(entities.scalars["noise"] < _NEARLY_POISSON)) > 0.5


def _share(x: float) -> str:
    return f"{100 * min(max(x, 0.001), 0.999):.{1 if min(x, 1 - x) < 0.01 else 0}f} %"


def _spreads(entities: Entities) -> "Iterator[Finding]":
    import numpy as np

    from pymc_vibes.stats.describe import plain

    mu, phi = (float(np.median(entities.scalars[name])) for name in ("mu", "phi"))
    between, within = float(np.median(entities.spread)), phi**-0.5
    yield Finding(
        code="heterogeneity",
        severity="note",
        text=f"Between entities rates vary by about {plain(100 * between)} % of their mean "
        f"({_words(between)}).",
    )
    factor = 1 + mu / phi
    if _is_nearly_poisson(entities):
        text = "Between windows counts of an entity vary hardly more than at random (near-Poisson)."
        yield Finding(code="near-poisson", severity="note", text=text)
        return
    yield Finding(
        code="overdispersion",
        severity="note",
        text=f"Between windows the rate of one entity varies by about {plain(100 * within)} % "
        f"(phi {plain(phi)}): at the mean rate the variance of a count is {plain(factor)} times "
        "the mean, where 1 times is pure chance.",
    )


def _words(spread: float) -> str:
    if spread < 0.1:
        return "they are nearly alike"
    return "moderate" if spread < 0.5 else "large" if spread < 1.5 else "extreme"


def _not_separable(entities: Entities) -> "Iterator[Finding]":
    if entities.counts.observed.max() >= 2:
        return
    yield Finding(
        code="not-separable",
        severity="warning",
        text="Heterogeneity between entities and overdispersion between windows cannot be told "
        "apart: that needs entities with at least 2 windows. The split is the prior's.",
    )


def _silent(entities: Entities) -> "Iterator[Finding]":
    unseen = int((entities.counts.observed == 0).sum())
    silent = int((entities.counts.total == 0).sum()) - unseen
    if silent:
        text = f"{silent:,} entities have no event in any window; they count with zeros."
        yield Finding(code="silent-entities", severity="note", text=text)
    if unseen:
        text = f"{unseen:,} entities have no window; their rates are those of the population."
        yield Finding(code="unobserved-entities", severity="note", text=text)


def _trend(entities: Entities, config: EntityConfig) -> "Iterator[Finding]":
    """Compare the times of events with the times of windows, where cells are windows."""
    import numpy as np

    counts = entities.counts
    if "place" not in counts.cells.column_names or config.autoregression:
        return
    place = counts.column("place")
    known = counts.windows > 0
    total = counts.count[known].sum()
    if total == 0 or np.ptp(place[known]) == 0:
        return
    center, spread = place[known].mean(), place[known].std()
    mean, phi = counts.count[known].mean(), float(np.median(entities.scalars["phi"]))
    noise = spread * np.sqrt((1 + mean / phi) / total)
    off = float(((counts.count[known] * (place[known] - center)).sum() / total) / noise)
    if abs(off) > _TREND:
        word = "rise" if off > 0 else "fall"
        text = f"Counts {word} over the windows; the model takes every rate as constant in time. "
        hint = "The setting autoregression lets rates drift."
        yield Finding(code="trend", severity="warning", text=text + hint)


def _fine_windows(entities: Entities, config: EntityConfig) -> "Iterator[Finding]":
    observed = float(entities.counts.observed.max())
    rate = float(entities.counts.total.sum() / max(entities.counts.windows.sum(), 1.0))
    if config.window is None and observed > _MANY_WINDOWS and rate < _TOO_FINE:
        yield Finding(
            code="fine-windows",
            severity="warning",
            text=f"There are {observed:,.0f} windows with {rate:.2g} events each: the times look "
            "like those of single events. Set window to hour, day or week to count them.",
        )


def _cut(entities: Entities) -> "Iterator[Finding]":
    total = len(entities.labels)
    if total > CONTENDERS:
        yield Finding(
            code="ranking-cut",
            severity="note",
            text=f"Ranks are those among the first {CONTENDERS} of {total:,} entities.",
        )
