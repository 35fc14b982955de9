"""Trials of several people together: what treatment does to people, and to each of them.

    effect_i ~ Normal(mean, between^2);   mean ~ Normal(0, m^2),   between ~ HalfNormal(b)

What one person's days say of the effect is a likelihood that is known exactly: the posterior of the
regression with the prior of the effect taken out, a mixture of Student-t over its grid. Each
Student-t is a mixture of normals over the scale, which Gauss's rule has in a few terms. So effects
are integrated in closed form, and only (mean, between) are left, for a quadrature.

References: Zucker, Schmid, McIntosh, D'Agostino, Selker and Lau (1997), *Combining single patient
(N-of-1) trials to estimate population treatment effects*; Gelman et al., *Bayesian Data Analysis*,
3rd ed., section 5.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.autoregression import Regression
from pymc_vibes.stats.curves import Curves
from pymc_vibes.stats.special import Array

_SCALES = 6  # terms of a Student-t as a mixture of normals
_STEP, _RATIO = 0.25, 0.15  # of an sd, and in logs: components closer than that are merged
_TAUS, _MUS = 48, 101
_REACH = 9.0  # sds of the mean that the quadrature looks at
_COARSE = 64
_DROP = 26.0  # log units below the top where the between-person sd ends
_POINTS = 401
_HARDLY = 0.7  # spacings of the grid below which a normal is a spike between its points


@dataclass(frozen=True)
class Normals:
    """A likelihood as a mixture of normals; `(components,)` each."""

    weight: Array
    loc: Array
    scale: Array

    @property
    def mean(self) -> float:
        """Give the mean of the mixture."""
        return float(self.weight @ self.loc)

    @property
    def variance(self) -> float:
        """Give the variance of the mixture."""
        return float(self.weight @ (self.scale**2 + (self.loc - self.mean) ** 2))

    def pdf(self, x: Array) -> Array:
        """Give the density at `x`."""
        return np.asarray(_normal(x[..., None], self.loc, self.scale) @ self.weight)


@dataclass(frozen=True)
class PopulationPrior:
    """Prior sds of the mean effect and, half-normal, of the spread between people."""

    mean: float
    between: float


def likelihood_of(regression: Regression, column: int, prior_sd: float, unit: float) -> Normals:
    """Take the normal prior of one coefficient out of its posterior: what the data say of it.

    `prior_sd` is in units of sigma, `unit` what one is in the outcome's unit. Node by node the
    coefficient is normal given sigma, so its prior is subtracted from precision and squares alike;
    with a flat prior one degree of freedom less is left.
    """
    spread = regression.covariance[:, column, column]
    left = np.maximum(1 - spread / prior_sd**2, 1e-12)
    wide = spread / left
    loc = regression.mean[:, column] / left
    squares = regression.variance * regression.df
    flat = np.maximum(squares - loc**2 / (wide + prior_sd**2), 1e-12 * squares)
    df = regression.df - 1
    log = np.log(regression.weights + 1e-300) - np.log(left) / 2
    log += regression.df / 2 * np.log(squares) - df / 2 * np.log(flat)
    weights = np.exp(log - log.max())
    precision, terms = scale_nodes(df)
    return merged(
        Normals(
            (weights[:, None] * terms / weights.sum()).ravel(),
            np.repeat(unit * loc, len(terms)),
            (unit * np.sqrt(wide * flat / df)[:, None] / np.sqrt(precision)).ravel(),
        )
    )


def scale_nodes(df: float, many: int = _SCALES) -> tuple[Array, Array]:
    """Give precisions and weights whose normals add up to a Student-t with `df` degrees of freedom.

    Gauss's rule for a Gamma: the eigenvalues of the Jacobi matrix of Laguerre polynomials.
    """
    from scipy.linalg import eigh_tridiagonal

    k = np.arange(many)
    shape = df / 2 - 1
    nodes, vectors = eigh_tridiagonal(2 * k + shape + 1, np.sqrt(k[1:] * (k[1:] + shape)))
    return np.asarray(2 * nodes / df), np.asarray(vectors[0] ** 2)


def merged(found: Normals) -> Normals:
    """Merge components that hardly differ, keeping mean and variance."""
    unit = np.sqrt(found.variance)
    place = np.round((found.loc - found.mean) / (_STEP * unit))
    size = np.round(np.log(found.scale / unit) / _RATIO)
    _, at = np.unique(np.column_stack([place, size]), axis=0, return_inverse=True)
    at = at.ravel()
    weight = np.bincount(at, weights=found.weight)
    loc = np.bincount(at, weights=found.weight * found.loc) / weight
    square = found.scale**2 + (found.loc - loc[at]) ** 2
    scale = np.sqrt(np.bincount(at, weights=found.weight * square) / weight)
    kept = weight > 1e-9
    return Normals(weight[kept] / weight[kept].sum(), loc[kept], scale[kept])


@dataclass(frozen=True, eq=False)
class Population:
    """The joint posterior of mean, spread and the effects of all people, on nodes.

    `between` is `(nodes,)`, `mean` and `weight` are `(nodes, means)`; weights sum to 1.
    """

    people: tuple[Normals, ...]
    prior: PopulationPrior
    between: Array
    mean: Array
    weight: Array
    log_between: Array
    """Log density of the spread at its nodes, up to a constant."""

    @cached_property
    def effect_of_all(self) -> Curves:
        """Give the mean effect of people."""
        return self._curve_of(self.mean, np.zeros_like(self.mean))

    @cached_property
    def effect_of_next(self) -> Curves:
        """Give the effect of a person yet to come."""
        spread = np.broadcast_to(self.between[:, None], self.mean.shape)
        return self._curve_of(self.mean, spread)

    @cached_property
    def spread(self) -> Curves:
        """Give the sd between people."""
        chance = self.weight.sum(axis=1)
        mean = float(chance @ self.between)
        sd = float(np.sqrt(chance @ (self.between - mean) ** 2))
        x = np.linspace(self.between[0] * 0.0, self.between[-1], _POINTS)
        log = np.interp(x, self.between, self.log_between)
        height = np.exp(log - log.max())
        return Curves(x[None], height[None], np.array([mean]), np.array([sd]))

    @cached_property
    def effects(self) -> Curves:
        """Give the effect of each person, drawn towards the others by what they have in common."""
        found = [self._effect(person) for person in self.people]
        return Curves(
            np.concatenate([one.x for one in found]),
            np.concatenate([one.height for one in found]),
            np.concatenate([one.means for one in found]),
            np.concatenate([one.sds for one in found]),
        )

    def next_above(self, x: float) -> float:
        """Give the chance that the effect of a person yet to come is above `x`."""
        from scipy.special import ndtr

        return float((self.weight * ndtr((self.mean - x) / self.between[:, None])).sum())

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draw `mean`, `between` `(n,)` and `effects` `(n, people)` together."""
        which = rng.choice(self.weight.size, size=n, p=self.weight.ravel())
        row, _ = np.unravel_index(which, self.weight.shape)
        between, mean = self.between[row], self.mean.ravel()[which]
        effects = np.column_stack([_given(one, mean, between, rng) for one in self.people])
        # given the effects the mean is normal: it need not stay on its grid
        precision = len(self.people) / between**2 + self.prior.mean**-2.0
        center = effects.sum(axis=1) / between**2 / precision
        mean = center + rng.standard_normal(n) / np.sqrt(precision)
        return {"mean": mean, "between": between, "effects": effects}

    def _curve_of(self, loc: Array, sd: Array) -> Curves:
        """Give the mixture of normals over the nodes; a spike becomes as wide as its neighbors."""
        mean = float((self.weight * loc).sum())
        variance = float((self.weight * (sd**2 + (loc - mean) ** 2)).sum())
        step = np.diff(self.mean, axis=1)[:, :1]
        wide = np.maximum(sd, _HARDLY * step)
        log = np.log(self.weight + 1e-300)
        return _mixture(mean, np.sqrt(variance), loc, wide, log)

    def _effect(self, person: Normals) -> Curves:
        mean, square = _moments(person, self.mean, self.between)
        center = float((self.weight * mean).sum())
        sd = np.sqrt(float((self.weight * square).sum()) - center**2)
        # the others' view of this person: what is left of the weights without his likelihood
        log = np.log(self.weight + 1e-300) - _log_likelihood(person, self.mean, self.between)
        step = np.diff(self.mean, axis=1)[:, :1]
        wide = np.maximum(np.broadcast_to(self.between[:, None], self.mean.shape), _HARDLY * step)
        x = center + sd * np.linspace(-_REACH, _REACH, _POINTS)
        height = _sum_of_normals(x, self.mean, wide, log) * person.pdf(x)
        return _fitted(x, height, center, sd)


def combine(people: Sequence[Normals], prior: PopulationPrior) -> Population:
    """Integrate over the mean and the spread between people."""
    top = np.sqrt(_DROP * 2) * prior.between
    coarse = top * ((np.arange(_COARSE) + 0.5) / _COARSE) ** 2
    log = _marginal(people, prior, coarse)[2]
    near = np.flatnonzero(log > log.max() - _DROP)
    low = 0.0 if near[0] == 0 else np.sqrt(coarse[near[0] - 1])
    high = np.sqrt(top if near[-1] == _COARSE - 1 else coarse[near[-1] + 1])
    at, rule = special.rule(2, _TAUS // 2)
    root = low + (high - low) * at
    between = root**2
    mean, inner, log = _marginal(people, prior, between)
    whole = log + np.log(rule * 2 * root * (high - low))
    weight = np.exp(whole - whole.max())[:, None] * inner
    return Population(tuple(people), prior, between, mean, weight / weight.sum(), log)


def _marginal(
    people: Sequence[Normals], prior: PopulationPrior, between: Array
) -> tuple[Array, Array, Array]:
    """Give nodes of the mean for each spread, their normalized weights, and the log of the sum."""
    loc = np.array([one.mean for one in people])
    known = 1 / (np.array([one.variance for one in people]) + between[:, None] ** 2)
    precision = known.sum(axis=1) + prior.mean**-2.0
    center, sd = known @ loc / precision, precision**-0.5
    mean = center[:, None] + sd[:, None] * np.linspace(-_REACH, _REACH, _MUS)
    log = -0.5 * (mean / prior.mean) ** 2
    for one in people:
        log = log + _log_likelihood(one, mean, between)
    top = log.max(axis=1, keepdims=True)
    inner = np.exp(log - top)
    total = inner.sum(axis=1)
    step = sd * 2 * _REACH / (_MUS - 1)
    marginal = top[:, 0] + np.log(total * step) - 0.5 * (between / prior.between) ** 2
    return mean, inner / total[:, None], marginal


def _log_likelihood(person: Normals, mean: Array, between: Array) -> Array:
    wide = np.sqrt(person.scale**2 + between[:, None] ** 2)
    dense = _normal(mean[..., None], person.loc, wide[:, None, :])
    return np.log(dense @ person.weight + 1e-300)


def _moments(person: Normals, mean: Array, between: Array) -> tuple[Array, Array]:
    """Give mean and mean square of a person's effect at every node."""
    own, shared = person.scale**-2.0, between[:, None, None] ** -2.0
    wide = np.sqrt(person.scale**2 + between[:, None] ** 2)[:, None, :]
    share = _normal(mean[..., None], person.loc, wide) * person.weight + 1e-300
    share /= share.sum(axis=-1, keepdims=True)
    center = (own * person.loc + shared * mean[..., None]) / (own + shared)
    square = center**2 + 1 / (own + shared)
    return np.asarray((share * center).sum(axis=-1)), np.asarray((share * square).sum(axis=-1))


def _given(person: Normals, mean: Array, between: Array, rng: np.random.Generator) -> Array:
    """Draw a person's effect given mean and spread."""
    wide = np.sqrt(person.scale**2 + between[:, None] ** 2)
    share = _normal(mean[:, None], person.loc, wide) * person.weight + 1e-300
    total = np.cumsum(share, axis=1)
    at = (rng.uniform(size=(len(mean), 1)) * total[:, -1:] > total).sum(axis=1)
    own, shared = person.scale[at] ** -2.0, between**-2.0
    center = (own * person.loc[at] + shared * mean) / (own + shared)
    return np.asarray(center + rng.standard_normal(len(mean)) / np.sqrt(own + shared))


def _mixture(mean: float, sd: float, loc: Array, wide: Array, log: Array) -> Curves:
    x = mean + sd * np.linspace(-_REACH, _REACH, _POINTS)
    return _fitted(x, _sum_of_normals(x, loc, wide, log), mean, sd)


def _sum_of_normals(x: Array, loc: Array, wide: Array, log: Array) -> Array:
    weight = np.exp(log - log.max()).ravel()
    kept = weight > 1e-8  # of the heaviest
    dense = _normal(x[:, None], loc.ravel()[kept], np.broadcast_to(wide, loc.shape).ravel()[kept])
    return np.asarray(dense @ weight[kept])


def _fitted(x: Array, height: Array, mean: float, sd: float) -> Curves:
    """Move and stretch a table so that it has the mean and the sd that are known exactly."""
    mass = height / height.sum()
    found = float(mass @ x)
    width = float(np.sqrt(mass @ (x - found) ** 2))
    placed = mean + (x - found) * sd / width
    return Curves(placed[None], height[None], np.array([mean]), np.array([sd]))


def _normal(x: Array, loc: Array, scale: Array) -> Array:
    return np.asarray(np.exp(-0.5 * ((x - loc) / scale) ** 2) / (scale * np.sqrt(2 * np.pi)))
