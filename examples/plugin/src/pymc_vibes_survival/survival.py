"""Say how long it takes until an event: one group of units, or several against each other.

A row is a unit that was followed for some time. Either the event was seen at the end of it, or the
unit was lost from sight before (right censoring). `S(t)` is the chance of no event up to `t`.

    S(t) = exp(-H(t))

`weibull`: the hazard rises or falls with time, by one shape per group.

    H(t)   = hazard * (t / typical)^shape
    shape  ~ LogNormal(log shape_median, shape_log_sd)
    hazard ~ Gamma(weight, weight)
    hazard | shape, data ~ Gamma(weight + events, weight + sum (t / typical)^shape)

The rest is one integral over the shape, by quadrature with a stated error.
`piecewise`: the hazard is constant between cuts, and everything is conjugate. An event at a cut
belongs to the piece that ends there.

    rate[piece] ~ Gamma(weight, weight * typical)
    rate[piece] | data ~ Gamma(weight + events, weight * typical + time at risk)    exact

So `typical` is the time in which one event is expected beforehand, and `weight` how many events
that is worth. Left open, `typical` is the time at risk per event in all groups. Survival, median
and restricted mean (the mean of the time without the event, up to a horizon) are functions of these
parameters, read off quasi-random points of the posterior, 4,096 unless `draws` says otherwise:
their means are off by less than 0.1 % of a sd, ends of their intervals by up to a tenth of one.

Assumptions: units are independent; leaving sight says nothing about the event; groups are
independent with the same prior. Beyond the last follow-up the curve is the model's alone.

References: Ibrahim, Chen and Sinha, Bayesian Survival Analysis (2001); Royston and Parmar,
Restricted mean survival time: an alternative to the hazard ratio for the design and analysis of
randomized trials with a time-to-event outcome, BMC Medical Research Methodology 13:152 (2013).
"""

from pymc_vibes.core.kind import Kind
from pymc_vibes_survival.answer import summarize
from pymc_vibes_survival.cells import check, reduce
from pymc_vibes_survival.model import fit
from pymc_vibes_survival.pictures import figures
from pymc_vibes_survival.questions import QUERIES
from pymc_vibes_survival.settings import SCHEMA, SurvivalConfig
from pymc_vibes_survival.world import simulate, truth

kind = Kind[SurvivalConfig](
    slug="survival",
    title="Time to an event",
    question="How long does it take, and for whom longer?",
    about=__doc__ or "",
    version=1,
    schema=SCHEMA,
    config=SurvivalConfig,
    example=SurvivalConfig(typical=100.0, weight=4.0, horizons=(30.0, 90.0)),
    truth=truth,
    simulate=simulate,
    check=check,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    queries=QUERIES,
)
