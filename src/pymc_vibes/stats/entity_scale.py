"""Unbounded coordinates in which priors are normal, so that a posterior falls off like one.

Where the data say nothing about a parameter, its log has a tail as heavy as an exponential's, on
which a lattice wastes its nodes. The normal score `z` of its prior has none: the prior of `z` is
standard normal, whatever the data leave of it. Both tails are exact to the last digits.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.special import LOG_TWO_PI, Array


@dataclass(frozen=True)
class HalfNormal:
    """A half-normal quantity by the normal score of its probability."""

    sd: float = 1.0

    def log_value(self, z: Array) -> Array:
        """Give the log of the quantity."""
        from scipy.special import erfinv, log_ndtr, ndtr, ndtri_exp

        low = np.sqrt(2.0) * erfinv(ndtr(np.minimum(z, 0.0)))
        high = -ndtri_exp(log_ndtr(-np.maximum(z, 0.0)) - np.log(2.0))
        with np.errstate(divide="ignore"):  # beyond z = -38 the quantity is 0
            value: Array = np.log(np.where(z < 0, low, high)) + np.log(self.sd)
        return value

    def score(self, log_value: Array) -> Array:
        """Give the normal score of the quantity."""
        from scipy.special import erf, log_ndtr, ndtri, ndtri_exp

        scaled = np.exp(np.asarray(log_value) - np.log(self.sd))
        low = ndtri(erf(np.minimum(scaled, 0.6) / np.sqrt(2.0)))
        high = -ndtri_exp(log_ndtr(-np.maximum(scaled, 0.6)) + np.log(2.0))
        return np.asarray(np.where(scaled < 0.6, low, high))

    def log_slope(self, z: Array) -> Array:
        """Give the log of `d log(value) / dz`."""
        log_value = self.log_value(z)
        scaled = np.exp(log_value - np.log(self.sd))
        # value density / normal density, both with one constant of sqrt(2 pi)
        return np.asarray(scaled * scaled / 2 - z * z / 2 - np.log(2 * scaled))

    def log_density(self, z: Array) -> Array:
        """Give the log prior density of the score: the standard normal's."""
        return np.asarray(-z * z / 2 - LOG_TWO_PI / 2)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draw `n` values."""
        return np.abs(rng.normal(0.0, self.sd, n))


@dataclass(frozen=True)
class GammaMean:
    """A quantity `~ Gamma(shape, rate)` by the score of an exponential with the same mean.

    With shape 1, the default, the score is the prior's own.
    """

    shape: float = 1.0
    rate: float = 0.1

    def log_value(self, z: Array) -> Array:
        """Give the log of the quantity."""
        from scipy.special import log_ndtr

        with np.errstate(divide="ignore"):  # beyond z = -38 the quantity is 0
            return np.asarray(np.log(-log_ndtr(-z)) + np.log(self.shape / self.rate))

    def score(self, log_value: Array) -> Array:
        """Give the score of the quantity."""
        from scipy.special import ndtri, ndtri_exp

        scaled = np.exp(np.asarray(log_value)) * self.rate / self.shape
        low = ndtri(-np.expm1(-np.minimum(scaled, 0.6)))
        return np.where(scaled < 0.6, low, -ndtri_exp(-np.maximum(scaled, 0.6)))

    def log_slope(self, z: Array) -> Array:
        """Give the log of `d log(value) / dz`."""
        from scipy.special import log_ndtr

        hazard = -z * z / 2 - LOG_TWO_PI / 2 - log_ndtr(-z)
        return np.asarray(hazard - np.log(-log_ndtr(-z)))

    def log_density(self, z: Array) -> Array:
        """Give the log prior density of the score."""
        from scipy.special import gammaln

        log_value = self.log_value(z)
        level = self.shape * np.log(self.rate) - gammaln(self.shape)
        density = level + self.shape * log_value - self.rate * np.exp(log_value)
        return np.asarray(density + self.log_slope(z))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draw `n` values."""
        return rng.gamma(self.shape, 1 / self.rate, n)


@dataclass(frozen=True)
class LogNormalMean:
    """A log-normal quantity by the score of its log."""

    median: float = 1.0
    log_sd: float = 4.0

    def log_value(self, z: Array) -> Array:
        """Give the log of the quantity."""
        return np.asarray(np.log(self.median) + self.log_sd * z)

    def score(self, log_value: Array) -> Array:
        """Give the score of the quantity."""
        return np.asarray((log_value - np.log(self.median)) / self.log_sd)

    def log_slope(self, z: Array) -> Array:
        """Give the log of `d log(value) / dz`."""
        return np.full(np.shape(z), np.log(self.log_sd))

    def log_density(self, z: Array) -> Array:
        """Give the log prior density of the score: the standard normal's."""
        return np.asarray(-z * z / 2 - LOG_TWO_PI / 2)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draw `n` values."""
        return np.exp(rng.normal(np.log(self.median), self.log_sd, n))


type Scale = HalfNormal | GammaMean | LogNormalMean
