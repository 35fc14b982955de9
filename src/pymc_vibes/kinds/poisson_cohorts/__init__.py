"""Say how often something happens, and where more often.

Events are counted per cohort and kind of event over a window of time. One cell is one cohort and
one event; it holds the count `k = sum(count)` and the exposure `T`: the window's length in the unit
of time, or the sum of the exposures that the rows themselves carry (flights, person-years).

    k | lambda ~ Poisson(lambda T)
    lambda     ~ Gamma(alpha0, beta0)            shape and rate; Jeffreys (0.5, 0) by default
    lambda | k ~ Gamma(alpha0 + k, beta0 + T)    exact

The default prior has no unit: the answer per hour is the answer per day divided by 24.
Two rates compare exactly: P(A > B) is a regularized incomplete beta function, the difference comes
by quadrature, the ratio is a scaled beta prime. "Higher" is claimed only when its chance reaches
1 - (1 - level) / 2; the equal-tailed interval of the difference then excludes 0.

**Hierarchical** (`model=hierarchical`): cohorts of one event borrow strength from each other.

    lambda_i ~ Gamma(shape alpha, rate beta),  beta = alpha / mean
    log alpha ~ Normal(log shape_median, shape_log_sd)
    log mean  ~ Normal(log mean_median, mean_log_sd)

One hierarchy is about one event: the one asked for, else the most frequent. The rates are
integrated out in closed form and alpha and mean by quadrature; where the computed error is too
large, or with `engine=nuts`, NUTS draws them, and the answer says which and why. The prior of the
shape has no unit; that of the mean is centered on one event in a cohort's mean exposure. beta is
the exposure that each cohort borrows from the others, beta / (beta + T) the pull of its rate
towards the mean. A comparison uses the joint posterior.

**Over time**: `model=piecewise` gives every period of the window a rate of its own, whose log is a
random walk; `model=change-point` asks of every cohort whether its rate changed once, when and by
what factor. Both are exact up to a quadrature, for the most frequent cohorts or the one named.

Assumptions: events of a cell come one by one at a constant rate (within a period, over time);
cells are independent with the same prior, or exchangeable in a hierarchy; a cohort without measured
exposure counts for the whole window. Exposure that is measured belongs to its own row's cohort and
event. Whether a constant rate fits is checked: counts per day, week or four weeks are compared with
what it allows (given the total they are multinomial), and where they vary more the answer says by
how much its intervals are too narrow and points to `entity-rates`. Clustering, trend and season all
show up there. Counts that arrive aggregated over longer periods than that should carry their
exposure.

References: Gelman et al., Bayesian Data Analysis, 3rd ed. (BDA3), sections 2.6 and 2.7, chapter 5
for hierarchies; Raftery and Akman, Bayesian analysis of a Poisson process with a change point,
Biometrika 73 (1986); Dean and Lawless, Tests for detecting overdispersion in Poisson regression
models, JASA 84 (1989).
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.poisson_cohorts.answer import summarize
from pymc_vibes.kinds.poisson_cohorts.cells import reduce
from pymc_vibes.kinds.poisson_cohorts.model import fit
from pymc_vibes.kinds.poisson_cohorts.pictures import figures
from pymc_vibes.kinds.poisson_cohorts.questions import QUERIES
from pymc_vibes.kinds.poisson_cohorts.resolve import resolve
from pymc_vibes.kinds.poisson_cohorts.sampled import build_model
from pymc_vibes.kinds.poisson_cohorts.schema import SCHEMA
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.world import simulate, truth

__all__ = ["build_model", "kind"]

kind = Kind[RateConfig](
    slug="poisson-cohorts",
    title="Event rates",
    question="How often does it happen, and in which cohort more often?",
    about=__doc__ or "",
    version=4,
    schema=SCHEMA,
    config=RateConfig,
    example=RateConfig(alpha0=2.0, beta0=0.5),
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
