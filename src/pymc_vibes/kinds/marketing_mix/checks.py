"""Whether the fit can be believed: predictions, residuals, the baseline, and what it assumes."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Finding
from pymc_vibes.kinds.marketing_mix.calibrated import calibration_findings
from pymc_vibes.kinds.marketing_mix.knowledge import FLAT, LITTLE, knowledge_of
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.decide import chance, join
from pymc_vibes.stats.describe import percent, plain
from pymc_vibes.stats.kept import once

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

_BASELINE_BAR = 0.2
_MEMORY_BAR = 0.3
_PRIOR_BAR = 0.5
_COVERAGE = {0.5: (0.40, 0.60), 0.9: (0.82, 0.97)}


def fit_numbers(reading: Reading) -> Mapping[str, JsonValue]:
    """Give the numbers that say how well sales are fitted and predicted."""
    numbers: dict[str, JsonValue] = {
        "share_of_variance_explained": share_explained(reading),
        "coverage_50": coverage(reading, 0.5),
        "coverage_90": coverage(reading, 0.9),
        "residual_autocorrelation": memory(reading),
    }
    held = held_out(reading)
    if held is not None:
        numbers |= {
            "coverage_90_held_out": coverage(reading, 0.9, held_out=True),
            "crps_held_out": held[0],
            "crps_of_last_year": held[1],
        }
    return numbers


@once
def residuals(reading: Reading) -> "Array":
    """Give sales less what was expected, over the fitted periods with sales, in order."""
    import numpy as np

    sales = reading.study.sales
    off = sales - reading.expected[:, : len(sales)].mean(axis=0)
    return np.asarray(off[np.isfinite(off)])


def memory(reading: Reading) -> float:
    """Give the correlation of a residual with the one before."""
    off = residuals(reading)
    off = off - off.mean()
    total = float(off @ off)
    return float(off[1:] @ off[:-1] / total) if total > 0 and len(off) > 2 else 0.0


@once
def coverage(reading: Reading, prob: float, *, held_out: bool = False) -> float:
    """Give the share of fitted, or held-out, periods whose sales lie in their interval."""
    import numpy as np

    fitted = reading.study.features.fitted
    window = slice(fitted, None) if held_out else slice(fitted)
    sales = reading.study.features.sales.sum(axis=0)[window]
    seen = np.isfinite(sales)
    ends = np.quantile(reading.predicted[:, window], [(1 - prob) / 2, (1 + prob) / 2], axis=0)
    return float(((sales >= ends[0]) & (sales <= ends[1]))[seen].mean())


@once
def held_out(reading: Reading) -> tuple[float, float | None] | None:
    """Give the mean CRPS of held-out periods, and that of naming the sales of a year before.

    The second one is the mean absolute error of a guess that is one number; None without a year.
    """
    import numpy as np

    from pymc_vibes.stats.predictive import crps

    fitted = reading.study.features.fitted
    sales = reading.study.features.sales.sum(axis=0)
    later = np.flatnonzero(np.isfinite(sales[fitted:])) + fitted
    if not len(later):
        return None
    own = float(np.mean(crps(reading.predicted[:, later], sales[later])))
    known = later[later - reading.usual >= 0]
    if len(known) < len(later):
        return own, None
    off = np.abs(sales[known] - sales[known - reading.usual])
    return own, float(np.nanmean(off))


def share_explained(reading: Reading) -> float:
    """Give the share of the variance of sales that expected sales account for."""
    import numpy as np

    sales = reading.study.sales
    return float(1 - residuals(reading).var() / np.nanvar(sales))


def findings(reading: Reading) -> Iterator[Finding]:
    """List what speaks against the numbers, and what they rest on."""
    if reading.is_trusted:
        yield from _of_channels(reading)
        yield from _of_sales(reading)
        yield from calibration_findings(reading)
    yield from _of_the_prior(reading)
    yield from _of_the_model(reading)
    yield Finding(
        code="no-proof-of-cause", severity="note",
        text="What drives both spend and sales, and is in no column, is taken for an effect of "
        "media: no number here can show it. Experiments can.",
    )  # fmt: skip


def _of_channels(reading: Reading) -> Iterator[Finding]:
    known = knowledge_of(reading)
    little = [one.channel for one in known if one.contraction < LITTLE]
    if little:
        yield Finding(
            code="little-learned", severity="warning",
            text=f"Of {join(little)} the data said little: what is shown is mostly the prior. "
            "Vary the spend, or test it.",
        )  # fmt: skip
    flat = [one.channel for one in known if one.variation < FLAT]
    if flat:
        yield Finding(
            code="flat-activity", severity="warning",
            text=f"The activity of {join(flat)} hardly moved, so its effect is told apart from the "
            "level by assumption alone.",
        )  # fmt: skip


def _of_sales(reading: Reading) -> Iterator[Finding]:
    p = reading.p_baseline_negative
    if p > _BASELINE_BAR:
        yield Finding(
            code="negative-baseline", severity="warning",
            text=f"Without media sales would be below zero, with {chance(p)} chance in a typical "
            "period: media get too much of the credit.",
        )  # fmt: skip
    rho = memory(reading)
    if abs(rho) > _MEMORY_BAR:
        yield Finding(
            code="autocorrelated", severity="warning",
            text=f"What is left over correlates by {plain(rho, 2)} from one period to the next: "
            "something slow is missing, and intervals are too narrow.",
        )  # fmt: skip
    for prob, (low, high) in _COVERAGE.items():
        found = coverage(reading, prob)
        if found < low:
            yield Finding(
                code=f"coverage-{100 * prob:.0f}", severity="warning",
                text=f"The {100 * prob:.0f} % intervals hold only {percent(found)} of the periods: "
                "the noise is not of the kind that the model has.",
            )  # fmt: skip
        if found > high:
            yield Finding(
                code=f"coverage-{100 * prob:.0f}", severity="note",
                text=f"The {100 * prob:.0f} % intervals hold {percent(found)} of the periods: they "
                "are wider than they need be, as where parameters are many.",
            )  # fmt: skip
    held = held_out(reading)
    if held is not None and held[1] is not None and held[0] > held[1]:
        yield Finding(
            code="worse-than-last-year", severity="warning",
            text="Held-out periods are predicted worse than by naming the sales of a year before.",
        )  # fmt: skip


def _of_the_prior(reading: Reading) -> Iterator[Finding]:
    level = reading.config.level
    inside = coverage(reading.prior, level)
    if inside < _PRIOR_BAR * level:
        yield Finding(
            code="prior-far-off", severity="warning",
            text=f"Before the data the model expected other sales than these: its "
            f"{100 * level:g} % intervals hold {percent(inside)} of the periods. Look at the "
            "priors.",
        )  # fmt: skip


def _of_the_model(reading: Reading) -> Iterator[Finding]:
    config = reading.config
    if config.adstock.kind == "fixed":
        yield Finding(
            code="fixed-carry-over", severity="warning",
            text="Carry-over is given, not estimated: a wrong one moves every contribution, and no "
            "interval knows of it.",
        )  # fmt: skip
    if config.saturation.kind == "none":
        yield Finding(
            code="no-saturation", severity="warning",
            text="Without saturation the last money returns as much as the first or more. No "
            "budget can be planned, and nothing should be read beyond what was spent.",
        )  # fmt: skip
    if config.noise == "log-student":
        yield Finding(
            code="median-sales", severity="note",
            text="Sales whose logarithm has heavy tails have no mean. Contributions are of the "
            "median.",
        )  # fmt: skip
