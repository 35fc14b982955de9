"""Rules about the model that is asked for: whether there are data enough, and columns apart."""

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.grain import PER_WEEK
from pymc_vibes.kinds.marketing_mix.messages import Message, day_of, listed
from pymc_vibes.kinds.marketing_mix.windows import Span

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

COLLINEAR = 10.0
"""Variance inflation beyond which the others explain a column."""
ALIKE = 0.9
SHORT_WEEKS = 104
LEAST_PER_PARAMETER, FEW_PER_PARAMETER = 3, 5
_NOTHING = 1e-10  # added to a correlation matrix, so that exact copies have a huge inflation
_MOST_PAIRS = 5

_ADSTOCK = {"geometric": 1, "delayed": 2, "weibull": 2, "fixed": 0, "none": 0}
_SATURATION = {"logistic": 1, "hill": 2, "michaelis-menten": 1, "fixed": 0, "none": 0}


def parameters_of(panel: Panel, config: MarketingMixConfig) -> int:
    """Count what is estimated."""
    channels, entities = len(panel.channels), len(panel.entities)
    per_channel = 1 + _ADSTOCK[config.adstock.kind] + _SATURATION[config.saturation.kind]
    bends = config.trend.knots if config.trend.kind == "piecewise" else 0
    trend = int(config.trend.kind != "none") + bends
    has_holidays = bool(config.holidays) or config.holiday_country is not None
    noise = 2 if config.noise in {"student", "log-student"} else 1
    shared = per_channel * channels + len(panel.controls) + 2 * config.harmonics
    shared += trend + has_holidays + noise + (config.effect_prior.kind == "shared-scale")
    if entities == 1:
        return 1 + shared
    # a level of each, and effects that differ around a common one
    return shared + entities + channels + channels * entities


def model_messages(panel: Panel, span: Span, config: MarketingMixConfig) -> Iterator[Message]:
    """Say what is odd about the model for these data."""
    if not panel.channels:
        yield Message(
            code="no-channels",
            severity="error",
            text="There is no channel.",
            hint="Name columns of activity act_... and of spend spend_..., or list them in "
            "drivers.",
        )
        return
    yield from _amount(panel, span, config)
    yield from _history(panel, span, config)
    yield from _collinear(panel, span)
    if config.panel == "entities" and len(panel.entities) == 1:
        yield Message(
            code="one-entity",
            severity="warning",
            text="There is one entity: nothing can differ between entities.",
            hint="Set panel to total.",
        )


def _amount(panel: Panel, span: Span, config: MarketingMixConfig) -> Iterator[Message]:
    import numpy as np

    fitted = panel.observed[:, span.fit : span.end]
    rows, periods = int(fitted.sum()), int(np.count_nonzero(fitted.any(axis=0)))
    parameters = parameters_of(panel, config)
    per_week = PER_WEEK[panel.grain]
    needed = ceil(config.min_periods * per_week)
    unit = f"{panel.grain}s with sales"
    if periods < needed:
        yield Message(
            code="too-few-periods",
            severity="error",
            text=f"{periods} {unit} are left to fit; {needed} are needed.",
            hint="Add history, or lower min_periods if you know why.",
        )
    if rows < LEAST_PER_PARAMETER * parameters:
        yield Message(
            code="too-many-parameters",
            severity="error",
            text=f"{rows:,} observations are too few for {parameters:,} parameters: "
            f"{LEAST_PER_PARAMETER * parameters:,} are needed.",
            hint="Join channels, leave out controls, or take fewer harmonics.",
        )
    elif rows < FEW_PER_PARAMETER * parameters:
        yield Message(
            code="many-parameters",
            severity="warning",
            text=f"{rows:,} observations for {parameters:,} parameters: priors will matter.",
            hint="Join channels that are planned together, or leave out controls.",
        )
    if needed <= periods < SHORT_WEEKS * per_week:
        yield Message(
            code="short-history",
            severity="warning",
            text=f"{periods} {unit}: season and trend can hardly be told apart below "
            f"{ceil(SHORT_WEEKS * per_week)}.",
            hint="Two years or more are better.",
        )


def _history(panel: Panel, span: Span, config: MarketingMixConfig) -> Iterator[Message]:
    if span.missing_months > 0:
        yield Message(
            code="short-windows",
            severity="warning",
            text=f"The windows ask for {span.missing_months:g} months more than there are: "
            f"{' and '.join(_named(span))}.",
            hint="Shorten windows.estimation_months or windows.carryover_months.",
        )
    known = span.fit - span.start
    if known < config.max_lag:
        yield Message(
            code="no-carry-in",
            severity="note",
            text=f"Media are known for {known} of the {config.max_lag} {panel.grain}s before the "
            "fit: earlier ones count as none, and what they still did is told as baseline.",
            hint="Upload media of earlier periods, with sales left empty.",
        )


def _named(span: Span) -> Iterator[str]:
    for what, (first, until) in span.missing.items():
        yield f"{what} from {day_of(first)} to {day_of(until - 1)}"


def _collinear(panel: Panel, span: Span) -> Iterator[Message]:
    import numpy as np

    names = (*panel.channels, *panel.controls)
    columns = np.concatenate([panel.activity, panel.control], axis=-1)[:, span.fit : span.end]
    inside = (columns - columns.mean(axis=1, keepdims=True)).reshape(-1, len(names))
    spread = inside.std(axis=0)
    varies = np.flatnonzero(spread > 1e-12 * np.abs(columns).max(axis=(0, 1), initial=0.0))
    if len(varies) < 2 or len(inside) <= len(varies):
        return
    labels = [names[i] for i in varies.tolist()]
    correlation = np.atleast_2d(np.corrcoef(inside[:, varies], rowvar=False))
    yield from _pairs(labels, correlation)
    inflation = inflations(correlation)
    high = [label for label, value in zip(labels, inflation, strict=True) if value > COLLINEAR]
    if high:
        worst = float(inflation.max())
        yield Message(
            code="collinear",
            severity="warning",
            text=f"{listed(high)} can be told from the other columns (variance inflation "
            f"{'beyond 1,000' if worst > 1000 else f'up to {worst:.0f}'}): their effects cannot "
            "be told apart.",
            hint="Join channels that run together, or vary one of them in an experiment.",
            columns=tuple(high),
        )


def _pairs(labels: list[str], correlation: "Array") -> Iterator[Message]:
    import numpy as np

    pairs = np.argwhere(np.triu(np.abs(correlation) > ALIKE, k=1)).tolist()
    for one, other in pairs[:_MOST_PAIRS]:
        yield Message(
            code="alike",
            severity="warning",
            text=f"{labels[one]} and {labels[other]} move together (correlation "
            f"{correlation[one, other]:.2f}).",
            hint="Join them, or vary one of them in an experiment.",
            columns=(labels[one], labels[other]),
        )


def inflations(correlation: "Array") -> "Array":
    """Give the variance inflation of columns with that correlation."""
    import numpy as np

    steady = correlation + _NOTHING * np.eye(len(correlation))
    return np.asarray(np.diag(np.linalg.inv(steady)))
