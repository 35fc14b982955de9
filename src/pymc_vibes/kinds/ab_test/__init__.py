"""Tell which variant converts better, by how much, and what a wrong choice would cost.

Model, for each variant `v` with `n_v` units of which `y_v` converted:

    y_v ~ Binomial(n_v, rate_v)        rate_v ~ Beta(a, b)
    rate_v | y_v ~ Beta(a + y_v, b + n_v - y_v)

The prior is the same for all variants and independent between them: Beta(1, 1) unless the config
says otherwise, by shape or by mean and weight. The posterior is exact, so small counts and zero
conversions are ordinary cases. From it come, without random draws, P(rate_B > rate_A), the
posteriors of the difference and of the relative lift, P(each is the best), the expected loss
E[max(rate_A - rate_B, 0)] of choosing B, and the chance that the difference is too small to matter.

Rules: "higher" is said only when P(B > A) >= 1 - (1 - level)/2, which is when the equal-tailed
interval of the difference at that level excludes zero; the highest-density interval is offered and
never decides. "Practically the same" is said where the chance of a difference too small to matter
exceeds the level. A treatment is shipped when it may be called better and its expected loss against
the best variant is at most the threshold. Every treatment is compared with the control on its own,
without a correction for their number.

Assumptions: units are assigned at random and independent of each other; a unit has one outcome (it
converted if any of its rows did) and one variant (units seen in several are left out and reported);
rates do not drift during the test. The split of units is tested against the plan by chi-square;
where its p-value is below 0.001 no verdict is offered. Looking repeatedly and stopping at the
first clear result misleads more often than the level suggests.

References: Stucchio (2015), Bayesian A/B testing at VWO, for the expected loss as a stopping rule;
Kruschke (2018), Advances in Methods and Practices in Psychological Science 1(2), for the region of
practical equivalence; Fabijan et al. (2019), KDD, for sample-ratio mismatch.
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.ab_test.config import EXAMPLE, SCHEMA, ABTestConfig

__all__ = ["ABTestConfig", "kind"]
from pymc_vibes.kinds.ab_test.answer import summarize
from pymc_vibes.kinds.ab_test.data import reduce, simulate, truth
from pymc_vibes.kinds.ab_test.fit import fit
from pymc_vibes.kinds.ab_test.lift import lift
from pymc_vibes.kinds.ab_test.pictures import figures
from pymc_vibes.kinds.ab_test.queries import QUERIES

kind = Kind[ABTestConfig](
    slug="ab-test",
    title="A/B test",
    question="Which variant converts better, and is it safe to ship?",
    about=__doc__,
    version=2,
    schema=SCHEMA,
    config=ABTestConfig,
    example=EXAMPLE,
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    queries=QUERIES,
    lift=lift,
)
