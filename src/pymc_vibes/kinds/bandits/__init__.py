r"""Give each unit an arm so that rewards grow while the best arm is found.

Model of binary rewards, for each arm `i` with `n_i` pulls and `s_i` rewards:

    reward_i ~ Beta(a, b)        reward_i | data ~ Beta(a + s_i, b + n_i - s_i)

Model of continuous rewards, normal around the arm's mean with the arm's own variance:

    y_ij ~ Normal(mu_i, sigma_i^2),  mu_i | sigma_i^2 ~ Normal(m, sigma_i^2 / k),
    1 / sigma_i^2 ~ Gamma(v / 2, v s^2 / 2)
    mu_i | data ~ Student-t(v + n_i) with center (k m + n_i mean_i) / (k + n_i)

`m` and `s` are the expected mean and standard deviation of a reward; left open they are taken from
all rewards together, a weak use of the data for its own prior that the answer states. Both
posteriors are exact. From them come, by quadrature and without draws, P(each arm is the best) and
the expected regret E[best - reward_i] of committing to an arm.

Policies: Thompson sampling gives an arm with the chance that it is the best (one posterior draw per
arm, the best draw is given). Top-two Thompson sampling gives the winner of the draw with chance
beta and else its challenger, which finds the best arm sooner. A floor keeps every arm alive. The
first arm of a unit is kept. Shares for a batch are exact.

Assumptions: arms do not drift, rewards come at once and do not depend on who gets the arm, pulls
are independent. Assigning by past rewards needs no correction here: the posterior depends on the
data alone. Arms named in the config exist before their first pull, so a new bandit can assign.

References: Thompson (1933), Biometrika 25; Russo (2016), Simple Bayesian algorithms for best-arm
identification, COLT; Scott (2010), Applied Stochastic Models in Business and Industry 26, for the
chance of being the best as allocation; Gelman et al., Bayesian Data Analysis, 3rd ed., section 3.3.
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.bandits.answer import summarize
from pymc_vibes.kinds.bandits.config import EXAMPLE, SCHEMA, BanditConfig
from pymc_vibes.kinds.bandits.data import reduce, simulate, truth
from pymc_vibes.kinds.bandits.fit import fit
from pymc_vibes.kinds.bandits.pictures import figures
from pymc_vibes.kinds.bandits.queries import QUERIES

__all__ = ["BanditConfig", "kind"]

kind = Kind[BanditConfig](
    slug="multi-armed-bandits",
    title="Multi-armed bandit",
    question="Which arm should the next unit get, and which one is the best?",
    about=__doc__,
    version=1,
    schema=SCHEMA,
    config=BanditConfig,
    example=EXAMPLE,
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    queries=QUERIES,
)
