"""Events and settings of an n-of-1 trial."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import Config, GivenScale, setting
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.records import Record
from pymc_vibes.core.schema import Column, Schema

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp", type="instant", role="time", required=True,
            aliases=("ts", "time", "date", "day"),
            about="When it was measured; the day is that of UTC.",
        ),
        Column(
            name="user_id", type="string", role="entity",
            aliases=("user", "unit", "unit_id", "person", "patient", "series"),
            about="Whose trial it is; rows without one are a trial of their own.",
        ),
        Column(
            name="outcome", type="number", role="outcome", required=True, low=-1e15, high=1e15,
            aliases=("value", "score", "y", "session_performance_score"),
            about="What was measured. A day's value is the mean of its rows.",
        ),
        Column(
            name="treatment", type="string", role="group", required=True,
            aliases=("arm", "phase", "condition", "intervention"),
            about="What was given at that time. Rows of `washout` are left out; `baseline` is the "
            "comparator unless another one is named.",
        ),
    )
)  # fmt: skip

WASHOUT = "washout"
COMPARATORS = ("baseline", "control", "placebo", "a")
"""Names, in any case, that are taken for the comparator where none is set, the first one first."""


class ComparatorScale(Record):
    """The priors' unit is the spread of the comparator's days, their zero is the mean."""

    kind: Literal["baseline"] = setting("baseline", "Center and spread are the comparator's.")


class NoCarryOver(Record):
    """An effect ends with its treatment."""

    kind: Literal["none"] = setting("none", "An effect ends with its treatment.")


class EstimatedCarryOver(Record):
    """The effect fades after its treatment, with a half-life that the data tell."""

    kind: Literal["estimated"] = setting("estimated", "The half-life is part of the model.")
    longest_days: float = setting(
        7.0, "Longest half-life thought possible; the shortest is a quarter of a day.",
        unit="days", ge=0.5, le=90,
    )  # fmt: skip


class FixedCarryOver(Record):
    """The effect fades after its treatment, with a half-life that is known."""

    kind: Literal["fixed"] = setting("fixed", "The half-life is known.")
    half_life_days: float = setting(
        ..., "Time after which half of the effect is left.", unit="days", gt=0, le=90
    )


type TrialScale = Annotated[ComparatorScale | GivenScale, Field(discriminator="kind")]
type CarryOver = Annotated[
    NoCarryOver | EstimatedCarryOver | FixedCarryOver, Field(discriminator="kind")
]


class Design(Record):
    """How the schedule was drawn: the rules among whose schedules chance decided."""

    slot_days: int = setting(1, "Days that are given one treatment together.", unit="days", ge=1,
        le=90)  # fmt: skip
    min_run: int = setting(
        1, "A treatment lasts at least so many slots.", unit="slots", ge=1, le=90
    )
    max_run: int | None = setting(
        None, "And at most so many; open for no limit.", unit="slots", ge=1, le=366
    )
    max_imbalance: int | None = setting(
        None, "Slots by which treatments may differ in the end; open for no limit.",
        unit="slots", ge=0, le=366,
    )  # fmt: skip
    block: int | None = setting(
        None, "Every block of so many slots gives each treatment equally often.", unit="slots",
        ge=2, le=90,
    )  # fmt: skip
    order: tuple[Annotated[str, Field(max_length=500)], ...] | None = setting(
        None, "The treatments of the periods in turn where only their lengths were drawn.",
        min_length=2, max_length=100,
    )  # fmt: skip
    seed: int | None = setting(
        None, "Seed that the schedule was drawn with, for the record.", ge=0, le=2**63 - 1
    )


class ObrienFlemingSpending(Record):
    """Spends little of the error rate early."""

    kind: Literal["obrien-fleming"] = setting("obrien-fleming", "Little is spent early.")


class PocockSpending(Record):
    """Spends the error rate evenly."""

    kind: Literal["pocock"] = setting("pocock", "Spent evenly.")


class HwangShihDeCaniSpending(Record):
    """Spends the error rate as `gamma` says."""

    kind: Literal["hwang-shih-decani"] = setting("hwang-shih-decani", "As gamma says.")
    gamma: float = setting(
        -4.0, "Below 0 late, above 0 early; -4 is close to O'Brien and Fleming, 1 to Pocock.",
        ge=-40, le=40,
    )  # fmt: skip


type Spending = Annotated[
    ObrienFlemingSpending | PocockSpending | HwangShihDeCaniSpending, Field(discriminator="kind")
]


class Monitoring(Record):
    """How often the trial may be looked at before its end, and what each look costs."""

    planned_information: float | None = setting(
        None, "Information (1 / se^2) that the effect is planned to have in the end.", gt=0, le=1e30
    )
    planned_width: float | None = setting(
        None, "Width of the 95 % interval that is planned for the end, where no information is.",
        gt=0, le=1e15,
    )  # fmt: skip
    spending: Spending = setting(ObrienFlemingSpending(), "When the error rate is spent.")
    error_rate: float = setting(
        0.05, "Chance of finding an effect where there is none, over all looks.", ge=1e-4, le=0.5
    )
    sides: int = setting(2, "Whether harm is a finding too (2) or not (1).", ge=1, le=2)


class BayesStop(Record):
    """Chances at which the trial may stop."""

    benefit: float = setting(0.95, "Stop for benefit where its chance is above this.", gt=0.5, lt=1)
    futility: float = setting(
        0.05, "Stop for futility where the chance of benefit is below this.", gt=0, lt=0.5
    )


def _text(about: str) -> str | None:
    found: str | None = setting(None, about, min_length=1, max_length=4000)
    return found


class Protocol(Record):
    """What only the people of the trial can say: for the report after CENT 2015."""

    title: str | None = _text("Title that names the trial as n-of-1 (items 1a, 1b).")
    abstract: str | None = _text("Structured summary of the trial (1b).")
    background: str | None = _text("Scientific background: what is known (2a).")
    rationale: str | None = _text("Why an n-of-1 trial was the right way (2a).")
    objectives: str | None = _text("Objectives or hypotheses (2b).")
    eligibility: str | None = _text("Who may take part: diagnosis, severity (4a).")
    setting: str | None = _text("Where the data were collected (4b).")
    ethics: str | None = _text("Whether it was research, and who approved it (4c).")
    interventions: str | None = _text("What was given, how and when, to replicate it (5).")
    outcomes: str | None = _text("How the outcome was measured, and whether it is valid (6a).")
    changes: str | None = _text("Changes after the trial had begun, with reasons (3b, 6b).")
    sample_size: str | None = _text("How the number of periods or people was chosen (7a).")
    concealment: str | None = _text("How the sequence was kept from those who gave it (9, 10).")
    blinding: str | None = _text("Who did not know the treatment, and how (11).")
    recruitment: str | None = _text("Dates of recruitment, and why the trial ended (14).")
    characteristics: str | None = _text("Who took part, at the start (15).")
    harms: str | None = _text("All harms or unintended effects (19).")
    limitations: str | None = _text("Limitations: bias, imprecision, multiplicity (20).")
    generalizability: str | None = _text("For whom else the findings hold (21).")
    interpretation: str | None = _text("Interpretation: benefits and harms in balance (22).")
    registration: str | None = _text("Registration number and name of the registry (23).")
    protocol: str | None = _text("Where the full protocol can be had (24).")
    funding: str | None = _text("Funding, other support, and the role of funders (25).")


class NOf1Config(Config):
    """Settings of an n-of-1 trial."""

    comparator: str | None = setting(
        None, "The treatment that others are compared with. Open: `baseline`, `control`, "
        "`placebo` or `a` if there, else the first by name.", min_length=1, max_length=500,
    )  # fmt: skip
    treatment: str | None = setting(
        None, "The treatment in the headline. Open: the first other one by name.", min_length=1,
        max_length=500,
    )  # fmt: skip
    user_id: str | None = setting(
        None, "The only person to look at; everybody by default.", min_length=1, max_length=500
    )
    direction: Literal["higher", "lower"] = setting(
        "higher", "Which outcome is better: lower for symptoms, delays or costs."
    )
    smallest_effect: float | None = setting(
        None, "Smallest effect that matters, in the outcome's unit: less is practically none.",
        gt=0, le=1e15,
    )  # fmt: skip
    washout_days: int = setting(
        0, "Days after every change of treatment that are left out.", unit="days", ge=0, le=90
    )
    half_life: CarryOver = setting(
        NoCarryOver(), "How long an effect goes on after its treatment (carry-over)."
    )
    include_day_of_week: bool = setting(default=False, about="Let weekdays differ.")
    include_trend: bool = setting(
        default=True,
        about="Let the level drift in a straight line, shrunk to one sd of a day over the study.",
    )
    phase_deviations: bool = setting(
        default=True,
        about="Let periods of one treatment differ a little around the effect that they share.",
    )
    correlation: Literal["ar1-white", "ar1", "level", "independent"] = setting(
        "ar1-white",
        "How days depend on each other: a fading state under noise; the state alone; a wandering "
        "level under noise; or not at all, which makes intervals too narrow on most real days.",
    )
    prior_scale: float = setting(
        1.0, "Factor on the width of all priors but that of the level.", ge=0.1, le=10
    )
    scale: TrialScale = setting(ComparatorScale(), "What the priors are measured in.")
    min_days: int = setting(
        8, "Observed days that each treatment needs, wash-out not counted.", unit="days", ge=4,
        le=1000,
    )  # fmt: skip
    widest_interval: float = setting(
        4.0, "No effect is named where its interval is wider than this.", unit="sds of a day",
        gt=0, le=1000,
    )  # fmt: skip
    outcome_name: str = setting(
        "outcome", "What the outcome is called in sentences.", min_length=1, max_length=60
    )
    outcome_unit: str = setting(
        "", "Unit of the outcome, such as points or minutes.", max_length=30
    )
    start: Instant | None = setting(None, "Rows before this instant are left out.")
    end: Instant | None = setting(None, "Rows at this instant or later are left out.")
    design: Design | None = setting(None, "How the schedule was drawn, for the randomization test.")
    monitoring: Monitoring = setting(Monitoring(), "Looks before the end, and what they cost.")
    bayes_stop: BayesStop = setting(BayesStop(), "At which chances to stop early.")
    protocol: Protocol = setting(Protocol(), "What only people can say, for the report.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        for name in ("user_id", "treatment", "comparator"):
            if "\0" in (getattr(self, name) or ""):
                raise ValueError(f"{name} cannot hold the character NUL")
        if self.treatment is not None and self.treatment == self.comparator:
            raise ValueError("treatment and comparator must differ")
        if WASHOUT in {(self.treatment or "").lower(), (self.comparator or "").lower()}:
            raise ValueError("washout is no treatment: its rows are left out")
        return self


EXAMPLE = NOf1Config(
    scale=GivenScale(center=60.0, spread=6.0, weight=30.0),
    prior_scale=0.4,
    comparator="placebo",
    treatment="drug",
    smallest_effect=1.5,
    design=Design(slot_days=7, block=2),
    outcome_name="focus score",
    outcome_unit="points",
)
