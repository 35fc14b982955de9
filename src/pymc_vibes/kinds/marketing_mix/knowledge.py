"""What the data taught about each channel, and what is still the prior."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Table
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.kept import once

if TYPE_CHECKING:
    import numpy as np
    from pydantic import JsonValue

    from pymc_vibes.stats.special import Array

WIDE = 1.5
"""Width of the 90 % interval over the mean: above it little is known, whatever the prior was."""
FLAT = 0.15
"""Coefficient of variation of activity, below which it hardly moved."""
LITTLE = 0.5
"""Share of the prior's variance that is gone: below it the answer is mostly the prior."""
_CORRELATED = 0.7
_PRIOR_DRAWS = 20_000


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What is known of the average effect of one channel."""

    channel: str
    prior: tuple[float, float, float]
    """Mean and ends of the interval before the data."""
    posterior: tuple[float, float, float]
    contraction: float
    """1 - variance after / variance before."""
    width: float
    """Width of the 90 % interval by the mean."""
    variation: float
    """Sd of activity by its mean."""
    rival: str | None
    """The channel whose effect is hardest to tell from this one's."""
    correlation: float
    """Of the two effects, in the posterior."""

    @property
    def verdict(self) -> str:
        """Say it in words."""
        if self.contraction < LITTLE:
            return "the data said little: mostly the prior"
        if self.width > WIDE:
            return "known in size only roughly"
        if self.rival is not None and abs(self.correlation) > _CORRELATED:
            return f"hard to tell from {self.rival}"
        return "learned from the data"


@once
def knowledge_of(reading: Reading) -> tuple[Knowledge, ...]:
    """Compare prior and posterior of every channel's average effect."""
    import numpy as np

    after, before = average_effects(reading), prior_effects(reading)
    middle, (low, high) = after.mean(axis=0), reading.ends(after)
    first, (first_low, first_high) = before.mean(axis=0), reading.ends(before)
    inner = np.quantile(after, [0.05, 0.95], axis=0)
    together = _correlations(after)
    return tuple(
        Knowledge(
            channel=name,
            prior=(float(first[c]), float(first_low[c]), float(first_high[c])),
            posterior=(float(middle[c]), float(low[c]), float(high[c])),
            contraction=float(1 - after[:, c].var() / before[:, c].var()),
            width=float((inner[1, c] - inner[0, c]) / max(middle[c], 1e-12)),
            variation=_variation(reading, c),
            rival=_rival(reading.channels, together, c),
            correlation=float(together[c][np.abs(together[c]).argmax()]),
        )
        for c, name in enumerate(reading.channels)
    )


def knowledge_table(reading: Reading) -> Table:
    """List it; effects are in units of mean sales, or log points."""
    unit = "log points" if reading.config.link == "log" else "of mean sales"
    rows: list[tuple[JsonValue, ...]] = [
        (
            one.channel, *one.prior, *one.posterior, one.contraction, one.width, one.variation,
            one.rival, one.correlation, one.verdict,
        )
        for one in knowledge_of(reading)
    ]  # fmt: skip
    return Table(
        name="knowledge",
        title="The average effect of each channel before the data and after them",
        columns=(
            "channel", "prior_mean", "prior_low", "prior_high", "mean", "low", "high",
            "learned", "relative_width", "activity_variation", "rival", "correlation", "in_words",
        ),
        units=("", *[unit] * 6, "", "", "", "", "", ""),
        rows=tuple(rows),
    )  # fmt: skip


@once
def average_effects(reading: Reading) -> "Array":
    """Give the mean term of each channel over the fitted periods, `(draws, channels)`."""
    import numpy as np

    fitted = reading.study.features.fitted
    each = [terms[:, :fitted].mean(axis=1) for terms in reading.terms]
    return np.asarray(np.mean(each, axis=0))


def prior_effects(reading: Reading) -> "Array":
    """Draw the same from the prior, `(draws, channels)`."""
    import numpy as np

    from pymc_vibes.core.posterior import stream
    from pymc_vibes.stats.media_prior import draw_effects
    from pymc_vibes.stats.media_sampling import SharedScaleEffects

    rng, many = stream(reading.config.seed, "prior"), len(reading.channels)
    prior = reading.study.features.priors.effects
    drawn = draw_effects(prior, _PRIOR_DRAWS, many, rng)
    is_shared = isinstance(prior, SharedScaleEffects)
    return np.asarray(drawn * _mean_exposure(reading)) if is_shared else drawn


def _mean_exposure(reading: Reading) -> "Array":
    """Give the average of what a coefficient multiplies, at the posterior's middle."""
    import numpy as np

    coefficients = np.mean([one.params["effect"].mean(axis=0) for one in reading.media], axis=0)
    return np.asarray(average_effects(reading).mean(axis=0) / np.maximum(coefficients, 1e-12))


def _variation(reading: Reading, channel: int) -> float:
    import numpy as np

    fitted, lags = reading.study.features.fitted, reading.study.features.form.spec.lags
    seen = np.sum([a[lags : lags + fitted, channel] for a in reading.activity], axis=0)
    return float(seen.std() / seen.mean()) if seen.any() else 0.0


def _correlations(effects: "Array") -> "np.ndarray":
    """Give correlations of effects with each other, 0 with themselves."""
    import numpy as np

    if effects.shape[1] < 2:
        return np.zeros((effects.shape[1], effects.shape[1]))
    together = np.asarray(np.nan_to_num(np.corrcoef(effects, rowvar=False)))
    np.fill_diagonal(together, 0.0)
    return together


def _rival(channels: tuple[str, ...], together: "np.ndarray", channel: int) -> str | None:
    import numpy as np

    if len(channels) < 2:
        return None
    return channels[int(np.abs(together[channel]).argmax())]
