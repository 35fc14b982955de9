"""Say how often a trial succeeds: one proportion, or one per group.

A row is a trial with a yes or no outcome, or a number of trials with the number that succeeded.

    successes | theta ~ Binomial(trials, theta)
    theta             ~ Beta(a, b)                    flat, (1, 1), by default
    theta | successes ~ Beta(a + successes, b + trials - successes)    exact

The prior may be given by its mean and the number of trials that it is worth. The successes of the
next n trials are beta-binomial. Two groups compare exactly, and "higher" is claimed only when its
chance reaches 1 - (1 - level) / 2; the equal-tailed interval of the difference then excludes 0.
Rows without a group form a group of their own; rows without a time are left out of a window.

Assumptions: trials of a group are independent with one success rate; groups are independent with
the same prior. Repeated trials of one unit are not told apart.

References: Gelman et al., Bayesian Data Analysis, 3rd ed. (BDA3), sections 2.1 to 2.4.
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.bernoulli.answer import summarize
from pymc_vibes.kinds.bernoulli.model import fit, reduce, simulate, truth
from pymc_vibes.kinds.bernoulli.pictures import figures
from pymc_vibes.kinds.bernoulli.questions import QUERIES
from pymc_vibes.kinds.bernoulli.settings import SCHEMA, ProportionConfig
from pymc_vibes.stats.prior import BetaMean

kind = Kind[ProportionConfig](
    slug="bernoulli",
    title="Success rate",
    question="How often does it succeed?",
    about=__doc__ or "",
    version=1,
    schema=SCHEMA,
    config=ProportionConfig,
    example=ProportionConfig(prior=BetaMean(mean=0.3, effective_sample_size=10), threshold=0.25),
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    queries=QUERIES,
)
