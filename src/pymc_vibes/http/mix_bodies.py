"""What the routes of datasets and staged runs are asked, and what they answer."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from pymc_vibes.core.answer import Diagnostics, Verdict
from pymc_vibes.core.config import setting
from pymc_vibes.core.experiment import BadRow
from pymc_vibes.core.run import Progress, RunState
from pymc_vibes.kinds.marketing_mix.messages import ValidationSummary
from pymc_vibes.kinds.marketing_mix.outputs import Decomposition
from pymc_vibes.kinds.marketing_mix.run_spec import RunSpec
from pymc_vibes.service.staged import Reached, Stage

EXAMPLE = {
    "dataset_id": "sample_001",
    "grain": "week",
    "target_col": "sales",
    "drivers": ["act_tv", "act_digital", "act_social"],
    "controls": ["ctrl_price", "ctrl_promo"],
    "feature_config": {
        "adstock": {"decay_default": 0.5, "per_channel": {}, "max_lag": 13},
        "saturation": {"enabled": False},
        "seasonality": {"enabled": True, "K": 2},
        "trend": {"enabled": True},
    },
    "windows": {"carryover_months": 3, "estimation_months": 24},
    "random_seed": 42,
}


class Uploaded(BaseModel):
    """What an upload did, and the name of the dataset."""

    dataset_id: str
    created: bool
    """Whether the dataset is new."""
    ingested: int
    rejected: int
    replayed: bool
    """The same upload was received before; nothing was written now."""
    bad_rows: list[BadRow]
    columns: dict[str, str]
    """Column of the file -> the column it was stored as."""
    rows: int
    """That the dataset has now."""


class DatasetColumn(BaseModel):
    """A column, and the part that it plays."""

    name: str
    role: Literal["entity", "period", "target", "activity", "spend", "control", "unused"]


class Dataset(BaseModel):
    """A dataset: an experiment of kind `marketing-mix`."""

    dataset_id: str
    display_name: str
    rows: int
    columns: list[DatasetColumn]
    channels: list[str]
    first: datetime | None
    last: datetime | None
    created: datetime
    updated: datetime | None
    snapshot: int | None
    """The state of the data that a run created now is about."""


class CheckSpec(RunSpec):
    """How to look at the data: the specification of a run, of which the dataset is known."""

    dataset_id: str = setting("", "Is that of the address, and need not be given.", max_length=200)


class DatasetCheck(BaseModel):
    """Whether a dataset can be fitted, and everything that was found."""

    dataset_id: str
    is_valid: bool
    validation_summary: ValidationSummary


class CreateRun(RunSpec):
    """The specification of a run, and whether it is to go through every stage at once."""

    run_all: bool = setting(default=False, about="Validate, build and train without being told.")


class Reason(BaseModel):
    """Why a run ended without outputs."""

    code: str
    """The problem, in kebab case; `/problems/CODE` explains it."""
    detail: str
    hint: str | None = None
    errors: list[dict[str, Any]] = []
    """What stands against a fit, with the rows that it is about."""


class Status(BaseModel):
    """Where a run stands, and what comes next."""

    run_id: str
    dataset_id: str
    stage: Stage
    next: str
    """The call that comes next."""
    reason: Reason | None
    state: RunState | None
    """Of the run in the resource tree, from training on."""
    progress: Progress | None
    share: float | None
    """The part of what is being done that is done, from 0 to 1."""
    eta_seconds: float | None
    """How long that still takes, as far as can be told."""
    cancelling: bool
    history: list[Reached]
    """The stages that were reached; nothing here is ever changed."""
    links: dict[str, str]


class RunRecord(Status):
    """A staged run with all that was asked of it, and its answer in short."""

    created: datetime
    run_spec: dict[str, Any] | None
    """None of a run that was asked for in another way."""
    settings: dict[str, Any]
    """What the specification means."""
    snapshot: int | None
    headline: str | None
    verdict: Verdict | None


class Artifact(BaseModel):
    """Something that can be had of a run."""

    name: str
    media_type: str
    bytes: int
    url: str
    formats: list[str]
    """Other formats, by `?format=`."""
    summary: dict[str, JsonValue]


class Outputs(BaseModel):
    """All that can be had of a run."""

    run_id: str
    stage: Stage
    headline: str
    verdict: Verdict
    artifacts: list[Artifact]


class ParameterLine(BaseModel):
    """What the draws of a parameter say."""

    model_config = ConfigDict(populate_by_name=True)

    parameter: str
    mean: float | None
    sd: float | None
    hdi_low: float | None = Field(alias="hdi_3%")
    hdi_high: float | None = Field(alias="hdi_97%")
    mcse_mean: float | None
    ess_bulk: float | None
    ess_tail: float | None
    r_hat: float | None


class PosteriorSummary(BaseModel):
    """A line for every parameter."""

    run_id: str
    parameters: list[ParameterLine]


class ParameterCheck(BaseModel):
    """Whether the chains of a parameter agree."""

    parameter: str
    r_hat: float | None
    ess_bulk: float | None
    ess_tail: float | None


class ChainCheck(BaseModel):
    """How a chain went."""

    chain: int
    divergences: int
    bfmi: float
    """Energy fraction of missing information; below 0.3 it explored badly."""


class MixDiagnostics(BaseModel):
    """Whether the posterior can be trusted, and what says so."""

    run_id: str
    verdict: Verdict
    r_hat_max: float | None
    ess_bulk_min: float | None
    ess_tail_min: float | None
    divergences: int | None
    ebfmi_min: float | None
    reasons: list[str]
    parameters: list[ParameterCheck]
    chains: list[ChainCheck]
    sampler: Diagnostics


class ContributionLine(BaseModel):
    """What a channel brought in a period."""

    period_start: date
    channel: str
    contrib_mean: float
    contrib_low: float
    contrib_high: float


class ContributionList(BaseModel):
    """What channels brought, period by period."""

    run_id: str
    decomposition: Decomposition
    adds_up: bool
    """Whether contributions and sales without media add up to the fitted sales."""
    note: str
    level: float
    interval: Literal["hdi"] = "hdi"
    contributions: list[ContributionLine]


class FittedLine(BaseModel):
    """Sales of a period, seen and expected."""

    period_start: date
    y: float | None
    y_hat_mean: float
    y_hat_low: float
    y_hat_high: float


class FittedList(BaseModel):
    """Sales beside what the model expected; ends are of single periods, noise included."""

    run_id: str
    level: float
    interval: Literal["hdi"] = "hdi"
    fitted: list[FittedLine]
