"""Say what a treatment does to one person who tries it again and again, and to several such people.

A row is one measurement of one person, with its time and what was given. Days are means of their
rows, in UTC; a day without rows is missing, not zero, and was given what the day before it was. AB,
ABAB, randomized blocks, pairs of days and more than two treatments are the same to the model.

    y_t = level + weekday_t + trend_t + sum_k effect_k exposure_k(t) + deviation_period + a_t + e_t
    exposure_k is 1 under treatment k, and then halves every half-life (carry-over)
    deviation ~ Normal(0, (0.15 sigma)^2)        one for every period of three days or more
    a_t ~ AR(1) on calendar days, variance sigma^2 share, correlation phi^days
    e_t ~ Normal(0, sigma^2 (1 - share) m / n_t) n_t rows on a day, m on a typical one
    phi, share ~ Uniform(0, 1);  log half-life ~ Uniform where it is estimated
    several people: effect_i ~ Normal(mean, between^2), mean ~ Normal, between ~ HalfNormal

Coefficients have normal priors in units of sigma (sd 5 for the level, 3 for an effect, 1 for
weekdays and trend); the prior guess of sigma is the spread of the comparator's days, worth two of
them; the level is measured from their mean. So neither unit nor zero of the outcome matters.
Coefficients and sigma are integrated exactly; phi, share and half-life by quadrature: the posterior
of an effect is a mixture of Student-t. Of several people, what the days of each say of the effect
is known exactly, and mean and spread between people are integrated by quadrature.

Days of `washout`, and the first days after a change where `washout_days` says so, do not count;
what was given on them still carries over.

Assumptions: what is tried does not change who tries it for good; but for the carry-over an effect
is there at once and ends with its treatment; a drift is a straight line, shrunk to one sd over the
study; what is left fluctuates as before, with a memory that fades. Treatments should be given in an
order that chance decides, and often: an AB design cannot tell an effect from the passing of time.

References: Guyatt et al. (1986), *Determining optimal therapy: randomized trials in individual
patients*; Zucker et al. (1997), *Combining single patient (N-of-1) trials to estimate population
treatment effects*; Vohra et al. (2015), *CENT 2015*; Harvey (1989), *Forecasting, structural time
series models and the Kalman filter*.
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.n_of_1.answer import summarize
from pymc_vibes.kinds.n_of_1.config import EXAMPLE, SCHEMA, NOf1Config
from pymc_vibes.kinds.n_of_1.data import reduce, simulate, truth
from pymc_vibes.kinds.n_of_1.fit import fit
from pymc_vibes.kinds.n_of_1.pictures import figures
from pymc_vibes.kinds.n_of_1.queries import QUERIES

kind = Kind[NOf1Config](
    slug="n-of-1",
    title="n-of-1 trial",
    question="Does it help this person?",
    about=__doc__ or "",
    version=1,
    schema=SCHEMA,
    config=NOf1Config,
    example=EXAMPLE,
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    queries=QUERIES,
)
