"""Further questions to a marketing mix."""

from pymc_vibes.core.kind import PosteriorQuery, Query
from pymc_vibes.kinds.marketing_mix import (
    budget,
    contributions,
    fitted,
    goals,
    next_experiment,
    responses,
    returns,
    scenario,
    trials,
)
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig as Config

QUERIES: tuple[Query[Config], ...] = (
    PosteriorQuery[Config, contributions.ContributionsAsked](
        slug="contributions", title="What did each channel bring?",
        parameters=contributions.ContributionsAsked, answer=contributions.contributions,
        about="Contributions by period and channel, as parts that add up or as what would be lost "
        "without each channel, with intervals, by week, month, quarter, year or in all.",
    ),
    PosteriorQuery[Config, fitted.FittedAsked](
        slug="fitted", title="How well does it fit?",
        parameters=fitted.FittedAsked, answer=fitted.fitted,
        about="Sales beside what was expected, period by period, held-out ones too, with coverage "
        "and the error of prediction.",
    ),
    PosteriorQuery[Config, returns.ReturnsAsked](
        slug="roas", title="What did the money return?",
        parameters=returns.ReturnsAsked, answer=returns.roas,
        about="Sales per money spent in a time, carry-over included, and for a little more of it; "
        "the chance that it beats a hurdle, and profit where a sale's value is known.",
    ),
    PosteriorQuery[Config, responses.CurvesAsked](
        slug="curves", title="How does more activity wear off?",
        parameters=responses.CurvesAsked, answer=responses.curves,
        about="Response curve of each channel with what was seen, what is usual, and what the next "
        "money returns; beyond what was seen it is shaded.",
    ),
    PosteriorQuery[Config, goals.BudgetAsked](
        slug="optimize", title="What should we spend?",
        parameters=goals.BudgetAsked, answer=budget.optimize,
        about="The best budget within bounds around the current plan: its gain and how sure that "
        "is, and the proof that the next money returns the same wherever it is free to move.",
    ),
    PosteriorQuery[Config, scenario.ScenarioAsked](
        slug="scenario", title="What would a plan bring?",
        parameters=scenario.ScenarioAsked, answer=scenario.scenario,
        about="Sales and profit of a plan beyond the current one, with the forecast under both.",
    ),
    PosteriorQuery[Config, trials.ExperimentsAsked](
        slug="next-experiment", title="What should we test next?",
        parameters=trials.ExperimentsAsked, answer=next_experiment.next_experiment,
        about="Tests of channels by how much narrower they are expected to make a return, for the "
        "money that they move.",
    ),
)  # fmt: skip
