"""From the canonical panel to what a model takes: series, columns, and priors in its units.

Media keep their own zero and are never centered. Controls are standardized by what the fitted
periods say of them; the scalers are kept, so that other periods can be brought to the same scale.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.market import YEAR_DAYS
from pymc_vibes.kinds.marketing_mix.windows import Span, holidays_in

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.media_sampling import MediaForm, MediaPriors, MediaSeries
    from pymc_vibes.stats.media_transforms import Scaler
    from pymc_vibes.stats.special import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What is fitted, and the plan by which it was made."""

    series: "tuple[MediaSeries, ...]"
    """One for each entity; sales of held-out periods are masked."""
    form: "MediaForm"
    priors: "MediaPriors"
    days: "np.ndarray"
    """First day of each period, held-out ones last, in days since 1970."""
    fitted: int
    """Periods that are fitted; those after them are predicted."""
    sales: "Array"
    """Of all periods, `(entities, periods)`."""
    spend: "Array"
    """`(entities, periods, channels)`; NaN where it is not known."""
    scaler: "Scaler"
    """Of the controls, which are the first columns."""


def features_of(panel: Panel, span: Span, config: MarketingMixConfig) -> Features:
    """Build the features of the periods from `span.fit` on."""
    import numpy as np

    from pymc_vibes.kinds.marketing_mix.translation import form_of, priors_of
    from pymc_vibes.stats.media_sampling import MediaSeries
    from pymc_vibes.stats.media_transforms import with_carry_in

    window, fitted = slice(span.fit, span.stop), span.end - span.fit
    names, shared, sds = _calendar(panel, span, config)
    control, scaler = _standard(panel.control[:, window], fitted)
    form = form_of(panel, (*panel.controls, *names), config)
    sales = panel.sales[:, window]
    seen = np.where(np.arange(sales.shape[1]) < fitted, sales, np.nan)
    series = tuple(
        MediaSeries(
            sales=seen[g],
            activity=with_carry_in(
                panel.activity[g, span.start : span.fit], panel.activity[g, window], form.spec.lags
            ),
            columns=np.column_stack([control[g], shared]),
        )
        for g in range(len(panel.entities))
    )
    column_sd = np.r_[np.full(len(panel.controls), config.priors.control), sds]
    return Features(
        series=series,
        form=form,
        priors=priors_of(panel, span, config, column_sd),
        days=panel.days[window],
        fitted=fitted,
        sales=sales,
        spend=panel.spend[:, window],
        scaler=scaler,
    )


def _standard(control: "Array", fitted: int) -> "tuple[Array, Scaler]":
    """Standardize controls of all entities together."""
    import numpy as np

    from pymc_vibes.stats.media_transforms import z_scores

    seen = np.concatenate(control[:, :fitted])
    _, scaler = z_scores(seen)
    varies = seen.std(axis=0) > 0
    return np.where(varies, scaler.scaled(control), 0.0), scaler


def _calendar(
    panel: Panel, span: Span, config: MarketingMixConfig
) -> "tuple[list[str], Array, Array]":
    """Give columns that time alone makes, `(periods, columns)`, with their names and prior sds."""
    import numpy as np

    from pymc_vibes.stats.media_transforms import fourier

    days = panel.days[span.fit : span.stop]
    waves = range(1, config.harmonics + 1)
    names = [f"{wave} {n}" for n in waves for wave in ("sin", "cos")]
    columns = [fourier(days.astype(float), YEAR_DAYS, config.harmonics)]
    sds = [config.priors.season] * len(names)
    if config.trend.kind != "none":
        lines = _lines(len(days), span.end - span.fit, config)
        names += ["trend", *(f"bend {i}" for i in range(1, lines.shape[1]))]
        columns.append(lines)
        sds += [config.priors.trend] * lines.shape[1]
    if config.holidays or config.holiday_country is not None:
        names.append("holidays")
        columns.append(holidays_in(panel, config)[span.fit : span.stop, None].astype(float))
        sds.append(config.priors.season)
    return names, np.concatenate(columns, axis=1), np.array(sds)


def _lines(periods: int, fitted: int, config: MarketingMixConfig) -> "Array":
    """Give a line from 0 to 1 over the fitted periods, and bends of it; both go on after them."""
    import numpy as np

    time = np.arange(periods) / max(fitted - 1, 1)
    knots = config.trend.knots if config.trend.kind == "piecewise" else 0
    at = np.arange(1, knots + 1) / (knots + 1)
    return np.column_stack([time, np.maximum(time[:, None] - at, 0.0)])
