"""What `/analytics/its` is asked, and what it answers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from pymc_vibes.core.answer import Diagnostics, Finding, Verdict
from pymc_vibes.core.instant import Instant

OUTCOME = "outcome"

Samples = Annotated[int, Field(ge=500, le=10_000)]
Chains = Annotated[int, Field(ge=2, le=8)]
Phase = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Question(BaseModel):
    """Whose days, when they changed, and how to look at them."""

    model_config = {"extra": "forbid"}

    user_id: str = Field(min_length=1, max_length=500)
    intervention_date: Instant = Field(description="First day after the change, UTC.")
    outcome_metric: str = Field(
        OUTCOME, min_length=1, max_length=100,
        description="The column of the outcome, by any spelling; also one that the kind does not "
        "declare.",
    )  # fmt: skip
    include_day_of_week: bool = True
    include_time_of_day: bool = Field(
        default=True, description="Let the quarters of a day differ, where rows tell them apart."
    )
    window_days: int = Field(
        7, ge=1, le=365, description="The immediate effect is that of the first so many days, the "
        "sustained one that of the last.",
    )  # fmt: skip
    mcmc_samples: Samples = 2000
    mcmc_chains: Chains = 4
    start_date: Instant | None = Field(None, description="Rows before it are left out.")
    end_date: Instant | None = Field(None, description="Rows at it or later are left out.")
    phases: list[Phase] | None = Field(
        None, max_length=20, description="Only rows of these phases count; all by default."
    )
    engine: Literal["exact", "nuts", "segmented"] = Field(
        "exact",
        description="How effects are computed: exactly, by the No-U-Turn sampler, or by the days "
        "before alone with independent errors, for comparison.",
    )


class Measured(BaseModel):
    """One effect: how much, how sure."""

    mean: float
    sd: float
    hdi: list[float | None]
    eti: list[float | None]
    level: float
    p_positive: float


class Relative(BaseModel):
    """An effect as a share of the level that was to be expected."""

    median: float
    low: float
    high: float


class MeasuredNow(Measured):
    """One effect with its definition and, where the level is clearly not 0, relative to it."""

    relative: Relative | None
    unit: str
    definition: str


class Grid(BaseModel):
    """The quadrature behind an exact answer; of draws, how many there are."""

    nodes: int
    effective_nodes: float
    heaviest: float


class Checked(Diagnostics):
    """Whether the posterior can be trusted; of the exact engine, its grid in place of chains."""

    engine: Literal["exact", "nuts", "segmented"]
    grid: Grid


class Counterfactual(BaseModel):
    """The days of the study, and what was to be expected on them without the change."""

    day: list[str]
    observed: list[float | None]
    expected: list[float]
    low: list[float]
    high: list[float]
    """Ends of the interval of the expected level; below, of a single day with its noise."""
    low_with_noise: list[float]
    high_with_noise: list[float]
    level: float


class Plots(BaseModel):
    """Four pictures, each a PNG of 150 dpi in base64."""

    observed_vs_counterfactual: str
    posterior_predictive_check: str
    effect_distribution: str
    mcmc_diagnostics: str


class Analyzed(BaseModel):
    """What the change did to one person's days."""

    verdict: Verdict
    headline: str
    decision: str
    user_id: str
    intervention_date: str
    outcome_metric: str
    immediate_effect: MeasuredNow
    sustained_effect: MeasuredNow
    counterfactual_effect: MeasuredNow
    counterfactual: Counterfactual
    probability_of_benefit: float
    better: Literal["higher", "lower"]
    mcmc_diagnostics: Checked
    warnings: list[Finding]
    plots: Plots
    mlflow_run_id: str | None
    run_id: str
    created: str
    cached: bool


class Past(BaseModel):
    """An analysis that was made before."""

    run_id: str
    created: str
    params: dict[str, Any]
    effects: dict[str, Measured]
    verdict: Verdict


class History(BaseModel):
    """A page of analyses of one person, newest first."""

    analyses: list[Past]
    next: str | None = None
