"""Say what a change did to a series of days: at once, in the end, on average and in sum.

A row is one measurement of one person (or machine, shop, page), with its time. Days are means of
their rows, in UTC; the day of the change is the first day after it. A day without rows is missing,
not zero.

    y_t = level + weekday_t + quarter_t + trend_t + holiday_t + controls_t + changes_t
          + effect_t + a_t + e_t               on each observed day t, or quarter of a day
    effect_t = 0 before the change, step + ramp_t from it on; the ramp sums to 0
    a_t ~ AR(1) on calendar days, variance sigma^2 share, correlation phi^days
    e_t ~ Normal(0, sigma^2 (1 - share) m / n_t)   n_t rows, m of them on a typical day
    phi, share ~ Uniform(0, 1)

Coefficients have normal priors in units of sigma (sd 5 for the level, 3 for a change, 1 for the
rest); the prior guess of sigma is the spread of the baseline's days, worth two of them; the level
is measured from the baseline's mean. So neither unit nor zero of the outcome matters. Coefficients
and sigma are integrated exactly, phi and share by quadrature: the posterior of every effect is a
mixture of Student-t. The *immediate* effect is the mean of the first days after the change (7 by
default), the *sustained* one of the last, the *average* one of all calendar days after it, observed
or not; the *cumulative* one is the sum over those days. Where the change ended, what stays
afterwards is an effect of its own.

Counts are negative binomial around exposure_t exp(the same terms + a_t); the sd of a_t and the
relative sd beyond Poisson are Exponential with mean 0.3, which shrinks both to none; effects are
differences and ratios of expected rates. Noise with heavy tails (Student-t, nu - 2 ~ Gamma(2, 0.1))
is sampled.

Assumptions: nothing else changed at the same time; without the change level, weekdays and trend
would have gone on as before; what is left fluctuates as before, with a memory that fades; the
change did not move the controls. A trend is part of the model, shrunk to one sd over the study,
because leaving out a real one is the main route to false alarms. Each person is fitted alone.

References: Lopez Bernal, Cummins and Gasparrini (2017), *Interrupted time series regression for the
evaluation of public health interventions*; Harvey (1989), *Forecasting, structural time series
models and the Kalman filter*; Brodersen et al. (2015), *Inferring causal impact using Bayesian
structural time-series models*; Rue, Martino and Chopin (2009), *Approximate Bayesian inference for
latent Gaussian models*.
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds.interrupted_series.answer import summarize
from pymc_vibes.kinds.interrupted_series.cells import reduce
from pymc_vibes.kinds.interrupted_series.config import EXAMPLE, SCHEMA, InterruptedConfig
from pymc_vibes.kinds.interrupted_series.data import simulate, truth
from pymc_vibes.kinds.interrupted_series.fit import fit
from pymc_vibes.kinds.interrupted_series.lift import lift
from pymc_vibes.kinds.interrupted_series.pictures import figures
from pymc_vibes.kinds.interrupted_series.sampled import build_model

kind = Kind[InterruptedConfig](
    slug="interrupted-time-series",
    title="Interrupted time series",
    question="Did the change help?",
    about=__doc__ or "",
    version=3,
    schema=SCHEMA,
    config=InterruptedConfig,
    example=EXAMPLE,
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    build_model=build_model,
    lift=lift,
)

__all__ = ["build_model", "kind"]
