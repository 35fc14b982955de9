"""Linear regression with an AR(1) state under white noise, exactly but for two hyperparameters.

    y_t = x_t' b + a_t + e_t           on the days t that were observed
    a   ~ AR(1) on calendar days       variance sigma^2 share, correlation phi^|s - t|
    e_t ~ Normal(0, sigma^2 (1 - share) m / n_t)    n_t observations on a day, m on a typical one
    b | sigma ~ Normal(0, sigma^2 diag(sd^2))       1 / sigma^2 ~ Gamma(w / 2, w s^2 / 2)

Given (phi, share) coefficients and scale are integrated out in closed form (normal-inverse-gamma
regression on what the Kalman filter leaves over); phi and share are integrated by Gauss-Legendre
nodes, both uniform on (0, 1). Nodes are placed in 1 - sqrt(1 - phi), dense where a random walk is.
A day without observations is a longer step of the filter, not a row. Several rows of one day share
its state.

References: Harvey (1989), *Forecasting, structural time series models and the Kalman filter*,
chapter 3; Gelman et al., *Bayesian Data Analysis*, 3rd ed., section 14.8.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture

_NEGLIGIBLE = 1e-6  # of the heaviest node's weight
_SHARES = 12
_LEAST_PHIS, _MOST_PHIS = 20, 72  # at 90 days 24: about one sd of what they can tell of phi


@dataclass(frozen=True)
class Grid:
    """Nodes of (phi, share) with the log of their prior weight, `(nodes,)` each."""

    phi: Array
    share: Array
    log_weight: Array


@dataclass(frozen=True)
class Prior:
    """Prior of coefficients and scale; `sd` is in units of sigma, `(coefficients,)`."""

    sd: Array
    spread: float = 1.0
    weight: float = 2.0


@dataclass(frozen=True)
class Regression:
    """The posterior: at every node a normal-inverse-gamma, `(nodes, ...)`."""

    grid: Grid
    weights: Array
    mean: Array
    """Of the coefficients, `(nodes, coefficients)`."""
    covariance: Array
    """Of the coefficients over sigma^2, `(nodes, coefficients, coefficients)`."""
    variance: Array
    """Scale of sigma^2, `(nodes,)`: 1 / sigma^2 ~ Gamma(df / 2, df variance / 2)."""
    df: float
    log_evidence: float = 0.0
    """Log density of the data, up to a constant that only the days, their counts and the prior of
    sigma decide: it compares columns and priors of coefficients."""

    def functional(self, rows: Array, noise: Array | None = None) -> StudentMixture:
        """Give `rows @ b`, one label per row; `noise` adds variance in units of sigma^2.

        `noise` is `(labels, nodes)`, because it depends on the correlation.
        """
        loc = rows @ self.mean.T
        spread = np.einsum("li,gij,lj->lg", rows, self.covariance, rows, optimize=True)
        spread = spread if noise is None else spread + noise
        return StudentMixture(
            df=np.full(len(rows), self.df),
            weights=np.broadcast_to(self.weights, loc.shape),
            loc=loc,
            scale=np.sqrt(np.maximum(spread, 0.0) * self.variance) + 1e-300,
        )

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw coefficients, `(n, coefficients)`: jointly, over all nodes."""
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        sigma = np.sqrt(self.variance[which] * self.df / rng.chisquare(self.df, size=n))
        noise = rng.standard_normal((n, self.mean.shape[1]))
        factor = np.linalg.cholesky(self.covariance)[which]
        away = sigma[:, None] * np.einsum("nij,nj->ni", factor, noise)
        return np.asarray(self.mean[which] + away)


@dataclass(frozen=True)
class Whitened:
    """Columns with their correlation taken out, `(nodes, days, columns)`, at every node."""

    grid: Grid
    values: Array
    log_determinant: Array

    def without(self, columns: Sequence[int]) -> "Whitened":
        """Leave out some columns."""
        kept = np.delete(self.values, list(columns), axis=2)
        return Whitened(self.grid, kept, self.log_determinant)


def make_grid(days: int) -> Grid:
    """Place the nodes: more of them where more days can tell correlations apart."""
    state = state_grid(days)
    share_at, share_weight = special.rule(1, _SHARES)
    phi, share = np.meshgrid(state.phi, share_at, indexing="ij")
    weight = state.log_weight[:, None] + np.log(share_weight)
    return Grid(phi.ravel(), share.ravel(), weight.ravel())


def state_grid(days: int) -> Grid:
    """Place nodes of phi alone: all of the noise is the state."""
    many = int(np.clip(round(24 * (days / 90) ** 0.5), _LEAST_PHIS, _MOST_PHIS))
    at, weight = special.rule(1, many)
    return Grid(1 - (1 - at) ** 2, np.ones(many), np.log(2 * (1 - at) * weight))


def fixed_grid(phi: Sequence[float], share: Sequence[float]) -> Grid:
    """Give a grid of these pairs, equally likely: for one correlation model at a time."""
    return Grid(np.array(phi), np.array(share), np.zeros(len(phi)))


def whiten(day: Array, count: Array, columns: Array, grid: Grid) -> Whitened:
    """Filter every column as if it were the series: standardized one-step prediction errors.

    `day` are sorted integers, `count` the observations of each row, `columns` is `(rows, q)`. The
    white noise is that of a day with the mean number of observations.
    """
    many, width = columns.shape
    white = np.sum(count) / len(np.unique(day)) / count
    step = np.diff(day, append=day[-1] + 1)
    state = np.zeros((len(grid.phi), width))
    spread = grid.share
    values = np.empty((len(grid.phi), many, width))
    logs = np.zeros(len(grid.phi))
    for t in range(many):
        noise = (1 - grid.share) * white[t]
        total = spread + noise
        error = columns[t] - state
        values[:, t] = error / np.sqrt(total)[:, None]
        logs += np.log(total)
        fade = grid.phi ** step[t]
        state = fade[:, None] * (state + (spread / total)[:, None] * error)
        spread = fade**2 * spread * noise / total + grid.share * (1 - fade**2)
    return Whitened(grid, values, logs)


def regress(whitened: Whitened, prior: Prior) -> Regression:
    """Update the prior by whitened columns, the last of which is the series."""
    products = whitened.values.transpose(0, 2, 1) @ whitened.values
    crossed, squares = products[:, :-1, -1], products[:, -1, -1]
    precision = products[:, :-1, :-1] + np.diag(prior.sd**-2.0)
    log_prior = 2 * np.log(prior.sd).sum()
    covariance = np.linalg.inv(precision)
    mean = np.einsum("gij,gj->gi", covariance, crossed)
    days = whitened.values.shape[1]
    df = prior.weight + days
    left = np.maximum(squares - np.einsum("gi,gi->g", mean, crossed), 0.0)
    variance = (prior.weight * prior.spread**2 + left) / df
    log = (
        whitened.grid.log_weight
        - (whitened.log_determinant + np.linalg.slogdet(precision)[1] + df * np.log(variance)) / 2
        - log_prior / 2
    )
    weights = np.exp(log - log.max())
    log_evidence = float(log.max() + np.log(weights.sum()))
    kept = weights > _NEGLIGIBLE
    grid = whitened.grid
    return Regression(
        grid=Grid(grid.phi[kept], grid.share[kept], grid.log_weight[kept]),
        weights=weights[kept] / weights[kept].sum(),
        mean=mean[kept],
        covariance=covariance[kept],
        variance=variance[kept],
        df=df,
        log_evidence=log_evidence,
    )


def mean_noise(day: Array, count: Array, grid: Grid, typical: float) -> Array:
    """Give the variance of the mean of the noise over some days, in units of sigma^2, per node."""
    gaps = np.abs(day[:, None] - day[None, :])
    sizes, at = np.unique(gaps, return_inverse=True)
    many = np.bincount(at.ravel())
    state = (grid.phi[:, None] ** sizes) @ many / len(day) ** 2
    white = float(np.sum(typical / count)) / len(day) ** 2
    return np.asarray(grid.share * state + (1 - grid.share) * white)


def state_path(days: int, phi: float, rng: np.random.Generator) -> Array:
    """Draw the state of days in a row, of variance 1."""
    steps = rng.standard_normal(days)
    steps[1:] *= np.sqrt(1 - phi**2)
    for day in range(1, days):
        steps[day] += phi * steps[day - 1]
    return steps
