"""Say who has how many events, time after time, who stands out, and which counts are odd.

Counts are repeated: every entity (a host, a person, a machine) has one per window, windows without
an event included. Entities differ, and the windows of one entity vary more than chance alone:

    y_ij    ~ NegativeBinomial(mean theta_i, size phi)      variance theta + theta^2 / phi
    theta_i ~ Gamma(shape mu alpha, rate alpha)             mean mu, variance mu / alpha
    mu, alpha, phi ~ a prior that the answer names

The coefficient of variation between entities is CV(theta) = 1 / sqrt(mu alpha), not
1 / sqrt(alpha). A size phi = 1 gives a count the variance mu + mu^2; a large phi is Poisson.
The reference prior is mu ~ Exponential(0.1), whose central 95 % are 0.25 to 36.9,
alpha ~ HalfNormal(2) and phi ~ HalfNormal(2); it nearly forbids Poisson counts. The scale-free
prior, the default, is log-normal in mu and half-normal in spread = 1 / sqrt(mu alpha) and in
noise = 1 / sqrt(phi); alpha and phi then have no mean, so spread and noise are reported.
The non-centered form draws raw ~ Gamma(mu alpha, 1) and takes theta = raw / alpha: the same model.
So is the standardized form, which is sampled first: log theta in sds from where the population and
the entity's counts make it likely, with the exact Jacobian; it has no funnel at a small spread.
The often quoted mu * Gamma(alpha, alpha) has the variance mu^2 / alpha and is another model.

Every rate is integrated out by quadrature in one dimension, the population in three; only sums per
entity and the histogram of all counts matter. Extensions are sampled (NUTS), each switched on:

    zero inflation     y_ij = 0 with chance zero_share, whatever the rate
    covariates         mean theta_i exp(x_ij effect), x in sds from its mean
    autoregression     the log mean has a drift u_ij = persistence u_i,j-1 + noise, of sd drift_sd,
                       with E exp u = 1; persistence ~ Beta(4, 2)
    sizes              log(bytes / y) ~ Normal(b_i, size_noise),
                       b_i ~ Normal(size_level + size_link log(theta_i / mu), size_spread)
    measured exposure  mean theta_i times the row's exposure

A window is unusual by the chance of a count as far out on either side (mid-p), given the entity's
other windows; such chances compare across entities, and the answer says how many chance alone
makes. A new entity is judged by the population.

Assumptions: windows of an entity are alike but for what is switched on; entities are exchangeable;
counts of different entities are independent given their rates. With one window per entity the two
spreads cannot be told apart, and the answer says so. The order of windows without a clock is that
of their numbers; drift takes windows as equally spaced.

References: Gelman et al., Bayesian Data Analysis, 3rd ed., sections 5.1 and 6.3; Hilbe, Negative
Binomial Regression, 2nd ed. (2011); Betancourt and Girolami, Hamiltonian Monte Carlo for
hierarchical models (2015); Czado, Gneiting and Held, Predictive model assessment for count data,
Biometrics 65 (2009).
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.entity_rates.answer import summarize
from pymc_vibes.kinds.entity_rates.cells import reduce
from pymc_vibes.kinds.entity_rates.data import build_model
from pymc_vibes.kinds.entity_rates.fit import fit
from pymc_vibes.kinds.entity_rates.pictures import figures
from pymc_vibes.kinds.entity_rates.priors import ScaleFree
from pymc_vibes.kinds.entity_rates.questions import QUERIES
from pymc_vibes.kinds.entity_rates.schema import SCHEMA
from pymc_vibes.kinds.entity_rates.settings import EntityConfig, resolve
from pymc_vibes.kinds.entity_rates.world import simulate, truth

__all__ = ["build_model", "kind"]

kind = Kind[EntityConfig](
    slug="entity-rates",
    title="Entity rates",
    question="Who has how many events, and which counts are unusual?",
    about=__doc__ or "",
    version=4,
    schema=SCHEMA,
    config=EntityConfig,
    example=EntityConfig(
        prior=ScaleFree(mu_median=6.0, mu_log_sd=0.7, spread_sd=0.7, noise_sd=0.5)
    ),
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    build_model=build_model,
    queries=QUERIES,
    resolve=resolve,
)
