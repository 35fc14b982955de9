"""What spending over the next periods brings, draw by draw, as a smooth function of few numbers.

A budget is one amount of money per channel, spread over the periods ahead by a pattern. Adstock is
linear, so the exposure of draw s, period t and channel c is

    carried[s, t, c] + budget[c] ramp[s, t, c]

with what history carries in, and what one unit of money would leave. Both are made once; after
that a budget costs one pass through saturation. Periods after the horizon count, as long as its
activity reaches them: what the plan leaves behind is its own. Incremental means against spending
nothing over the horizon, history being what it was.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.media_response import Indices, MediaResponse, needed
from pymc_vibes.stats.media_transforms import lagged, with_carry_in
from pymc_vibes.stats.special import Array

_BLOCK = 60_000  # exposures: half a megabyte of doubles


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlook:
    """The incremental outcome of budgets, `(channels,)` in money."""

    response: MediaResponse
    carried: Array
    ramp: Array
    mu: Array | None
    """`(draws, periods)` with those after the horizon; None where the link is the identity."""

    @property
    def draws(self) -> int:
        """Count the draws."""
        return len(self.response.effect)

    def take(self, draws: Indices) -> "Outlook":
        """Give the outlook of some draws, in memory as the whole one is."""
        return Outlook(
            response=self.response.take(draws),
            carried=_inner(self.carried[draws]),
            ramp=_inner(self.ramp[draws]),
            mu=None if self.mu is None else self.mu[draws],
        )

    @cached_property
    def of_nothing(self) -> Array:
        """Give what spending nothing brings: media terms with the identity link, else outcomes."""
        terms = self.response.media(self.carried).sum(axis=2)
        if self.response.link == "identity":
            return np.asarray(terms.sum(axis=1))
        return np.asarray(np.exp(needed(self.mu) + terms).sum(axis=1))

    @cached_property
    def _blocks(self) -> "tuple[Outlook, ...]":
        """Split the draws so that what is computed stays in the cache: four times quicker."""
        many = max(_BLOCK // self.carried[0].size, 1)
        starts = range(0, self.draws, many)
        return tuple(self.take(range(at, min(at + many, self.draws))) for at in starts)

    def outcome(self, budget: Array) -> Array:
        """Give the incremental outcome of a budget, `(draws,)`."""
        return np.concatenate([_outcomes(block, budget) for block in self._blocks])

    def with_slopes(self, budget: Array) -> tuple[Array, Array]:
        """Give incremental outcomes and what one more unit of money adds, `(draws, channels)`."""
        found = [_slopes(block, budget) for block in self._blocks]
        outcomes, slopes = zip(*found, strict=True)
        return np.concatenate(outcomes), np.concatenate(slopes)


@dataclass(frozen=True, eq=False)
class Outlooks:
    """The outlook of several series, such as regions, whose budgets move together.

    The money of a channel is divided among them by what a unit of it brings each in activity.
    """

    parts: tuple[Outlook, ...]

    @property
    def draws(self) -> int:
        """Count the draws."""
        return self.parts[0].draws

    def take(self, draws: Indices) -> "Outlooks":
        """Give the outlook of some draws."""
        return Outlooks(tuple(part.take(draws) for part in self.parts))

    def outcome(self, budget: Array) -> Array:
        """Give the incremental outcome of a budget, `(draws,)`."""
        return np.asarray(sum(part.outcome(budget) for part in self.parts))

    def with_slopes(self, budget: Array) -> tuple[Array, Array]:
        """Give incremental outcomes and what one more unit of money adds, `(draws, channels)`."""
        found = [part.with_slopes(budget) for part in self.parts]
        outcomes, slopes = zip(*found, strict=True)
        return np.asarray(sum(outcomes)), np.asarray(sum(slopes))


type AnyOutlook = Outlook | Outlooks


def _outcomes(outlook: Outlook, budget: Array) -> Array:
    response = outlook.response
    terms = response.media(outlook.carried + budget * outlook.ramp).sum(axis=2)
    if response.link == "log":
        terms = np.exp(needed(outlook.mu) + terms)
    return np.asarray(response.scale * (terms.sum(axis=1) - outlook.of_nothing))


def _slopes(outlook: Outlook, budget: Array) -> tuple[Array, Array]:
    response, scale = outlook.response, outlook.response.scale
    bent, slope = response.tangent(outlook.carried + budget * outlook.ramp)
    slope = slope * outlook.ramp
    if response.link == "identity":
        outcome = (bent.sum(axis=1) * response.effect).sum(axis=1)
        return scale * (outcome - outlook.of_nothing), scale * slope.sum(axis=1) * response.effect
    level = np.exp(needed(outlook.mu) + (bent * response.effect[:, None, :]).sum(axis=2))
    slopes = (slope * level[:, :, None]).sum(axis=1) * response.effect
    return scale * (level.sum(axis=1) - outlook.of_nothing), scale * slopes


def look_ahead(
    response: MediaResponse,
    *,
    history: Array,
    pattern: Array,
    activity_per_money: Array,
    mu: Array | None = None,
) -> Outlook:
    """Prepare the outlook over the periods of `pattern`, `(periods, channels)`.

    `pattern` is the share of a channel's budget that falls on each period; every channel's shares
    sum to 1. `history` is past activity, last period last, in units of the channels' scale, as
    `activity_per_money` is. `mu` covers the horizon and the `response.lags` periods after it.
    Raises `BadConfig` if the model has no saturation.
    """
    if response.spec.saturation == "none":
        raise BadConfig(
            "A model without saturation has no best budget: everything would go to one channel.",
            hint="Fit the model with saturation, then ask again.",
            fields=[{"field": "saturation", "reason": "is none"}],
        )
    if not np.allclose(pattern.sum(axis=0), 1.0):
        raise BadConfig("The shares of every channel's budget over the periods must sum to 1.")
    after = np.zeros((response.lags, pattern.shape[1]))
    planned = np.concatenate([pattern, after]) * activity_per_money
    carried = with_carry_in(history, np.zeros_like(planned), response.lags)
    ramp = with_carry_in(after, planned, response.lags)
    return Outlook(
        response=response,
        carried=response.exposure(lagged(carried, response.lags)),
        ramp=response.exposure(lagged(ramp, response.lags)),
        mu=None if response.link == "identity" else np.asfortranarray(needed(mu)),
    )


def _inner(array: Array) -> Array:
    """Lay an array out with draws innermost."""
    return np.asfortranarray(array)


@dataclass(frozen=True)
class Average:
    """Aim at the mean over draws."""


@dataclass(frozen=True)
class Quantile:
    """Aim at a quantile over draws: what is exceeded with a chance of 1 - level."""

    level: float


@dataclass(frozen=True)
class Shortfall:
    """Aim at the mean of the worst draws, a share of `level` of them (CVaR)."""

    level: float


type Aim = Average | Quantile | Shortfall


def rank_weights(aim: Aim, draws: int) -> Array:
    """Weigh the draws by rank, the lowest first: every aim is a weighted sum of sorted draws.

    Quantiles are those of Harrell and Davis (1982), *Biometrika* 69, 635-640: many draws around
    the quantile share the weight, so that the aim bends smoothly with the budget.
    """
    from scipy.special import betainc

    if isinstance(aim, Average):
        return np.full(draws, 1 / draws)
    if not 0 < aim.level < 1:
        raise BadConfig(f"A level must be between 0 and 1, not {aim.level:g}.")
    edges = np.arange(draws + 1) / draws
    if isinstance(aim, Quantile):
        below = betainc((draws + 1) * aim.level, (draws + 1) * (1 - aim.level), edges)
        return np.diff(below)
    return np.diff(np.minimum(edges / aim.level, 1.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Valued:
    """An aim at an outlook: one number per budget, with its gradient."""

    outlook: AnyOutlook
    aim: Aim = Average()

    @cached_property
    def _weights(self) -> Array:
        return rank_weights(self.aim, self.outlook.draws)

    def __call__(self, budget: Array) -> tuple[float, Array]:
        """Give the aim and its gradient by money."""
        outcome, slopes = self.outlook.with_slopes(budget)
        if isinstance(self.aim, Average):
            return float(outcome.mean()), np.asarray(slopes.mean(axis=0))
        order = np.argsort(outcome, kind="stable")
        weights = self._weights
        return (
            float((weights * outcome[order]).sum()),
            np.asarray((weights[:, None] * slopes[order]).sum(axis=0)),
        )
