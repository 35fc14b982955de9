"""Published posteriors, held to the Monte Carlo errors that were published with them.

Pumps: George, Makov and Smith (1993); BUGS Examples Volume 1, "Pumps", as OpenBUGS and MultiBUGS
print it: 20 000 draws, with the error of every mean. Its exposures are rounded (1.05, 2.1, 10.5).
"""

import numpy as np

from pymc_vibes.stats.hierarchy import RateHierarchy, gamma_poisson_under

FAILURES = np.array([5, 1, 5, 14, 3, 19, 1, 1, 4, 22.0])
HOURS = np.array([94.3, 15.7, 62.9, 126, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5])

# mean, Monte Carlo error of the mean, sd, 2.5 % and 97.5 % quantiles
ALPHA = (0.6978, 0.003504, 0.2695, 0.2869, 1.33)
BETA = (0.9309, 0.007493, 0.5443, 0.1911, 2.27)
THETA = np.array(
    [
        [0.05993, 1.721e-4, 0.02497, 0.02126, 0.1176],
        [0.1027, 5.739e-4, 0.07998, 0.008609, 0.3108],
        [0.08882, 2.874e-4, 0.03723, 0.03155, 0.1764],
        [0.1159, 2.164e-4, 0.03032, 0.06441, 0.1821],
        [0.599, 0.002277, 0.3174, 0.1488, 1.361],
        [0.6086, 9.736e-4, 0.1371, 0.3704, 0.9037],
        [0.896, 0.005699, 0.7317, 0.0733, 2.834],
        [0.8983, 0.005567, 0.7283, 0.07217, 2.8],
        [1.575, 0.006025, 0.7626, 0.4745, 3.397],
        [1.985, 0.003263, 0.4231, 1.247, 2.916],
    ]
)


def pumps() -> RateHierarchy:
    def log_prior(log_alpha: np.ndarray, log_mean: np.ndarray) -> np.ndarray:
        log_beta = log_alpha - log_mean  # alpha ~ Exponential(1), beta ~ Gamma(0.1, 1)
        return log_alpha - np.exp(log_alpha) + 0.1 * log_beta - np.exp(log_beta)

    return gamma_poisson_under(log_prior, FAILURES, HOURS)


def test_means_of_the_pumps_are_within_the_published_errors() -> None:
    fit = pumps()

    found = np.array([fit.alpha.mean()[0], fit.beta.mean()[0], *fit.rates.mean()])

    published = np.array([ALPHA, BETA, *THETA])
    # 12 means at 4.5 of their published errors: a false alarm in 1 of 10 000 publications
    assert np.abs((found - published[:, 0]) / published[:, 1]).max() < 4.5


def test_spreads_and_quantiles_of_the_pumps_are_within_the_published_errors() -> None:
    fit = pumps()
    chances = (fit.alpha, fit.beta)
    published = np.array([ALPHA, BETA, *THETA])
    effective = (published[:, 2] / published[:, 1]) ** 2

    sds = np.array([fit.alpha.sd()[0], fit.beta.sd()[0], *fit.rates.sd()])
    below = np.array(
        [
            *(
                [float(one.cdf(0, np.array(q))) for q in row[3:]]
                for one, row in zip(chances, published[:2], strict=True)
            ),
            *(
                [float(fit.rates.cdf(i, np.array([q]))[0]) for q in row[3:]]
                for i, row in enumerate(THETA)
            ),
        ]
    )

    # an sd of a skewed posterior is known less well than a normal one's: a kurtosis of 9 is allowed
    assert np.abs(sds / published[:, 2] - 1).max() < 4.5 * np.sqrt(2 / effective.min())
    error = np.sqrt(0.025 * 0.975 / effective)[:, None]
    assert np.abs((below - [0.025, 0.975]) / error).max() < 4.5
