"""Say what each channel contributed to sales, what its money returned, and what to spend next.

A row is one period (day, week or month) of one entity: sales, activity and spend of channels,
controls. Entities are added up, or kept with effects that differ around a common one. Periods with
unknown sales are masked, not filled; media before the first sales carry over into them.

    mu_t    = level + controls_t + season_t + trend_t + holidays_t + sum_c v_ct
    v_ct    = effect_c S(sum_l weight_cl x_{t-l,c}; half_c)      0 without activity
    sales_t ~ StudentT(nu, mu_t, sigma), or Normal, or LogNormal around exp(mu_t)
    nu - 2  ~ Gamma(2, 0.1)
    decay_c ~ Beta(1, 3); log(3)/half_c ~ Gamma(3, 1); average v_c ~ HalfNormal, all media together
              20 % of sales at the median

Activity is measured in a channel's largest period and never centered, so that none is nothing.
Carry-over and saturation are estimated with everything else, by the No-U-Turn sampler; effects are
drawn as what a channel brings on average, so that priors are in units of the business.

Two answers to "how much did it bring", never mixed up: what would be *lost without* the channel,
all else as it was (these overlap where effects multiply), and its *part* of what happened, by the
logarithmic mean, which adds up exactly. Returns count what comes after the last period.

Assumptions: what drives both spend and sales is among the controls; a channel acts on sales
directly and soon; effects are the same all along; more activity never hurts. The first has no
signature in the data: calibrate by experiments.

References: Jin, Wang, Sun, Chan and Koehler (2017), *Bayesian methods for media mix modeling with
carryover and shape effects*; Chan and Perry (2017), *Challenges and opportunities in media mix
modeling*; Aumann and Shapley (1974), *Values of non-atomic games*.
"""

from pymc_vibes.core.kind import Kind, Sizes
from pymc_vibes.kinds.marketing_mix.answer import summarize
from pymc_vibes.kinds.marketing_mix.borrowing import BORROW
from pymc_vibes.kinds.marketing_mix.cells import reduce
from pymc_vibes.kinds.marketing_mix.config import EXAMPLE, MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.fit import build_model, fit
from pymc_vibes.kinds.marketing_mix.pictures import figures
from pymc_vibes.kinds.marketing_mix.queries import QUERIES
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA
from pymc_vibes.kinds.marketing_mix.validate import check
from pymc_vibes.kinds.marketing_mix.world import simulate, truth

kind = Kind[MarketingMixConfig](
    slug="marketing-mix",
    title="Marketing mix",
    question="What did each channel contribute, and what should we spend?",
    about=__doc__ or "",
    version=2,
    schema=SCHEMA,
    config=MarketingMixConfig,
    example=EXAMPLE,
    truth=truth,
    simulate=simulate,
    reduce=reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    build_model=build_model,
    queries=QUERIES,
    check=check,
    borrow=BORROW,
    sizes=Sizes(few=60, common=104, many=312),
)

__all__ = ["build_model", "kind"]
