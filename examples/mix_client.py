"""A typed client of the marketing-mix routes, from an upload to its outputs.

Written by `python -m scripts.mix_client` from the OpenAPI description; change nothing here by hand.
It needs nothing but Python, so that it can be copied into any project.
"""

# ruff: noqa: INP001

import json
import time
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

type TableFormat = Literal["csv", "parquet"]


class BadRow(TypedDict):
    """Why one row cannot be used."""

    line: int
    column: str | None
    value: str | None
    reason: str


class Uploaded(TypedDict):
    """What an upload did, and the name of the dataset."""

    dataset_id: str
    created: bool
    ingested: int
    rejected: int
    replayed: bool
    bad_rows: list[BadRow]
    columns: dict[str, str]
    rows: int


type Severity = Literal["note", "warning", "error"]
"""Severity"""


class RowPlace(TypedDict):
    """A row of the data, by what names it."""

    entity: NotRequired[str | None]
    period: NotRequired[str | None]
    column: NotRequired[str | None]
    value: NotRequired[float | None]


class Message(TypedDict):
    """One thing that was found."""

    code: str
    severity: Severity
    text: str
    hint: NotRequired[str]
    columns: NotRequired[list[str]]
    count: NotRequired[int]
    places: NotRequired[list[RowPlace]]


class ValidationSummary(TypedDict):
    """What there is to know before a fit: the shape of the data, and every message."""

    rows: NotRequired[int]
    entities: NotRequired[int]
    periods: NotRequired[int]
    grain: NotRequired[Literal["day", "week", "month"] | None]
    first: NotRequired[str | None]
    last: NotRequired[str | None]
    carry_in: NotRequired[int]
    channels: NotRequired[list[str]]
    controls: NotRequired[list[str]]
    aggregation: NotRequired[dict[str, str]]
    parameters: NotRequired[int]
    missing: NotRequired[dict[str, float]]
    errors: NotRequired[list[Message]]
    warnings: NotRequired[list[Message]]
    notes: NotRequired[list[Message]]
    is_valid: NotRequired[bool]


class DatasetCheck(TypedDict):
    """Whether a dataset can be fitted, and everything that was found."""

    dataset_id: str
    is_valid: bool
    validation_summary: ValidationSummary


class AdstockSpec(TypedDict):
    """Fixed decays."""

    decay_default: NotRequired[float]
    per_channel: NotRequired[dict[str, float]]
    max_lag: NotRequired[int]


class SaturationSpec(TypedDict):
    """A fixed Hill curve, or none."""

    enabled: NotRequired[bool]


class SeasonalitySpec(TypedDict):
    """Waves of a year."""

    enabled: NotRequired[bool]
    K: NotRequired[int]


class TrendSpec(TypedDict):
    """A straight line, or none."""

    enabled: NotRequired[bool]


class FeatureSpec(TypedDict):
    """How columns become features."""

    adstock: NotRequired[AdstockSpec]
    saturation: NotRequired[SaturationSpec]
    seasonality: NotRequired[SeasonalitySpec]
    trend: NotRequired[TrendSpec]


class Windows(TypedDict):
    """Which part of the history is fitted."""

    carryover_months: NotRequired[int | None]
    estimation_months: NotRequired[int | None]


class CheckSpec(TypedDict):
    """How to look at the data: the specification of a run, of which the dataset is known."""

    dataset_id: NotRequired[str]
    grain: NotRequired[Literal["auto", "day", "week", "month"]]
    target_col: NotRequired[str]
    drivers: NotRequired[list[str] | None]
    controls: NotRequired[list[str] | None]
    feature_config: NotRequired[FeatureSpec]
    windows: NotRequired[Windows]
    random_seed: NotRequired[int]


class DatasetColumn(TypedDict):
    """A column, and the part that it plays."""

    name: str
    role: Literal["entity", "period", "target", "activity", "spend", "control", "unused"]


class Dataset(TypedDict):
    """A dataset: an experiment of kind `marketing-mix`."""

    dataset_id: str
    display_name: str
    rows: int
    columns: list[DatasetColumn]
    channels: list[str]
    first: str | None
    last: str | None
    created: str
    updated: str | None
    snapshot: int | None


ParameterLine = TypedDict(
    "ParameterLine",
    {
        "parameter": str,
        "mean": float | None,
        "sd": float | None,
        "hdi_3%": float | None,
        "hdi_97%": float | None,
        "mcse_mean": float | None,
        "ess_bulk": float | None,
        "ess_tail": float | None,
        "r_hat": float | None,
    },
)
"""What the draws of a parameter say."""


class PosteriorSummary(TypedDict):
    """A line for every parameter."""

    run_id: str
    parameters: list[ParameterLine]


type Verdict = Literal["good", "warning", "problem"]
"""Verdict"""


class ParameterCheck(TypedDict):
    """Whether the chains of a parameter agree."""

    parameter: str
    r_hat: float | None
    ess_bulk: float | None
    ess_tail: float | None


class ChainCheck(TypedDict):
    """How a chain went."""

    chain: int
    divergences: int
    bfmi: float


type Method = Literal["exact", "quadrature", "nuts"]
"""Method"""

type JsonValue = Any
"""JsonValue"""


class Attempt(TypedDict):
    """One try of a sampler: what it was told, and what came of it."""

    settings: dict[str, JsonValue]
    verdict: Verdict
    reasons: NotRequired[list[str]]
    r_hat_max: NotRequired[float | None]
    ess_bulk_min: NotRequired[float | None]
    ess_tail_min: NotRequired[float | None]
    divergences: NotRequired[int | None]
    ebfmi_min: NotRequired[float | None]
    seconds: NotRequired[float | None]
    compile_seconds: NotRequired[float | None]


class Diagnostics(TypedDict):
    """Whether the posterior can be trusted, and what says so."""

    method: Method
    verdict: NotRequired[Verdict]
    reasons: NotRequired[list[str]]
    why: NotRequired[str | None]
    r_hat_max: NotRequired[float | None]
    ess_bulk_min: NotRequired[float | None]
    ess_tail_min: NotRequired[float | None]
    divergences: NotRequired[int | None]
    ebfmi_min: NotRequired[float | None]
    tree_depth_share: NotRequired[float | None]
    worst: NotRequired[list[str]]
    attempts: NotRequired[list[Attempt]]
    error_estimate: NotRequired[float | None]
    converged: bool


class MixDiagnostics(TypedDict):
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


type Decomposition = Literal["counterfactual", "additive"]
"""Decomposition"""


class ContributionLine(TypedDict):
    """What a channel brought in a period."""

    period_start: str
    channel: str
    contrib_mean: float
    contrib_low: float
    contrib_high: float


class ContributionList(TypedDict):
    """What channels brought, period by period."""

    run_id: str
    decomposition: Decomposition
    adds_up: bool
    note: str
    level: float
    interval: NotRequired[Literal["hdi"]]
    contributions: list[ContributionLine]


class FittedLine(TypedDict):
    """Sales of a period, seen and expected."""

    period_start: str
    y: float | None
    y_hat_mean: float
    y_hat_low: float
    y_hat_high: float


class FittedList(TypedDict):
    """Sales beside what the model expected; ends are of single periods, noise included."""

    run_id: str
    level: float
    interval: NotRequired[Literal["hdi"]]
    fitted: list[FittedLine]


type Stage = Literal[
    "CREATED", "VALIDATED", "FEATURES_BUILT", "TRAINING", "TRAINED", "OUTPUTS_READY", "ERROR"
]
"""Where a staged run stands."""


class Artifact(TypedDict):
    """Something that can be had of a run."""

    name: str
    media_type: str
    bytes: int
    url: str
    formats: list[str]
    summary: dict[str, JsonValue]


class Outputs(TypedDict):
    """All that can be had of a run."""

    run_id: str
    stage: Stage
    headline: str
    verdict: Verdict
    artifacts: list[Artifact]


class Reason(TypedDict):
    """Why a run ended without outputs."""

    code: str
    detail: str
    hint: NotRequired[str | None]
    errors: NotRequired[list[dict[str, Any]]]


type RunState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
"""Where a run stands."""


class Progress(TypedDict):
    """How far a run is."""

    stage: NotRequired[str]
    done: NotRequired[int]
    total: NotRequired[int]
    facts: NotRequired[dict[str, float]]
    began: NotRequired[str | None]
    updated: str


class Reached(TypedDict):
    """A stage that was reached, and when."""

    stage: Stage
    at: str


class RunRecord(TypedDict):
    """A staged run with all that was asked of it, and its answer in short."""

    run_id: str
    dataset_id: str
    stage: Stage
    next: str
    reason: Reason | None
    state: RunState | None
    progress: Progress | None
    share: float | None
    eta_seconds: float | None
    cancelling: bool
    history: list[Reached]
    links: dict[str, str]
    created: str
    run_spec: dict[str, Any] | None
    settings: dict[str, Any]
    snapshot: int | None
    headline: str | None
    verdict: Verdict | None


class CreateRun(TypedDict):
    """The specification of a run, and whether it is to go through every stage at once."""

    dataset_id: str
    grain: NotRequired[Literal["auto", "day", "week", "month"]]
    target_col: NotRequired[str]
    drivers: NotRequired[list[str] | None]
    controls: NotRequired[list[str] | None]
    feature_config: NotRequired[FeatureSpec]
    windows: NotRequired[Windows]
    random_seed: NotRequired[int]
    run_all: NotRequired[bool]


class Status(TypedDict):
    """Where a run stands, and what comes next."""

    run_id: str
    dataset_id: str
    stage: Stage
    next: str
    reason: Reason | None
    state: RunState | None
    progress: Progress | None
    share: float | None
    eta_seconds: float | None
    cancelling: bool
    history: list[Reached]
    links: dict[str, str]


_ACCEPTED = 202


class MixError(Exception):
    """The server refused; `problem` says why, and what to do."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('detail', status)} {problem.get('hint', '')}".strip())
        self.status = status
        self.problem = problem


class NotReadyError(MixError):
    """The run is still being trained: ask again later."""


class MixClient:
    """The routes of one server."""

    def __init__(self, address: str, token: str | None = None, *, patience: float = 60.0) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self._patience = patience

    def wait(self, run_id: str, *, every: float = 0.5, most: float = 3600.0) -> Status:
        """Ask for the status until the run is over; raise `TimeoutError` after `most` seconds."""
        end = time.monotonic() + most
        while True:
            told = self.show_status(run_id)
            if told["stage"] in {"OUTPUTS_READY", "ERROR"}:
                return told
            if time.monotonic() > end:
                raise TimeoutError(f"Run {run_id} is at {told['stage']} after {most:g} s.")
            time.sleep(every)

    def upload_dataset(
        self,
        file: bytes,
        filename: str,
        *,
        timezone: str = "UTC",
        skip_bad_rows: bool = False,
        dataset_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Uploaded:
        """Add the rows of a file to a dataset, which is made where there is none of that name."""
        return cast(
            "Uploaded",
            self._file(
                "/datasets/upload",
                {"timezone": timezone, "skip_bad_rows": skip_bad_rows, "dataset_id": dataset_id},
                file,
                filename,
                {"Idempotency-Key": idempotency_key},
            ),
        )

    def check_dataset(self, dataset_id: str, body: CheckSpec | None = None) -> DatasetCheck:
        """Say what stands against a fit, what is odd, and where; nothing is fitted or changed."""
        return cast(
            "DatasetCheck", self._json("POST", f"/datasets/{_part(dataset_id)}/validate", {}, body)
        )

    def show_dataset(self, dataset_id: str) -> Dataset:
        """Give a dataset with its columns and the parts that they play."""
        return cast("Dataset", self._json("GET", f"/datasets/{_part(dataset_id)}", {}))

    def show_posterior_summary(self, run_id: str) -> PosteriorSummary:
        """Give mean, 94 % interval and checks of every parameter."""
        return cast(
            "PosteriorSummary", self._json("GET", f"/runs/{_part(run_id)}/posterior_summary", {})
        )

    def show_posterior_summary_as(self, run_id: str, form: TableFormat) -> bytes:
        """Summarize the posterior, as a file."""
        return self._bytes(
            "GET",
            f"/runs/{_part(run_id)}/posterior_summary",
            {
                "format": form,
            },
        )

    def show_diagnostics(self, run_id: str) -> MixDiagnostics:
        """Say whether the posterior can be trusted; as a table, parameter by parameter."""
        return cast("MixDiagnostics", self._json("GET", f"/runs/{_part(run_id)}/diagnostics", {}))

    def show_diagnostics_as(self, run_id: str, form: TableFormat) -> bytes:
        """Diagnose the chains, as a file."""
        return self._bytes(
            "GET",
            f"/runs/{_part(run_id)}/diagnostics",
            {
                "format": form,
            },
        )

    def show_contributions(
        self, run_id: str, *, decomposition: Decomposition = "counterfactual", level: float = 0.94
    ) -> ContributionList:
        """Give what channels brought."""
        return cast(
            "ContributionList",
            self._json(
                "GET",
                f"/runs/{_part(run_id)}/contributions",
                {"decomposition": decomposition, "level": level},
            ),
        )

    def show_contributions_as(
        self,
        run_id: str,
        form: TableFormat,
        *,
        decomposition: Decomposition = "counterfactual",
        level: float = 0.94,
    ) -> bytes:
        """Give what channels brought, as a file."""
        return self._bytes(
            "GET",
            f"/runs/{_part(run_id)}/contributions",
            {"format": form, "decomposition": decomposition, "level": level},
        )

    def show_fitted(self, run_id: str, *, level: float = 0.94) -> FittedList:
        """Give sales of each period beside what was expected, and where single periods may lie."""
        return cast(
            "FittedList", self._json("GET", f"/runs/{_part(run_id)}/fitted", {"level": level})
        )

    def show_fitted_as(self, run_id: str, form: TableFormat, *, level: float = 0.94) -> bytes:
        """Give sales as they were fitted, as a file."""
        return self._bytes("GET", f"/runs/{_part(run_id)}/fitted", {"format": form, "level": level})

    def show_outputs(self, run_id: str) -> Outputs:
        """List all that can be had of a run: how large it is, and what it holds."""
        return cast("Outputs", self._json("GET", f"/runs/{_part(run_id)}/outputs", {}))

    def download(
        self,
        run_id: str,
        name: Literal[
            "canonical_data.parquet",
            "features.parquet",
            "feature_scaler.json",
            "validation_summary.json",
        ],
    ) -> bytes:
        """Download a file of a run."""
        return self._bytes("GET", f"/runs/{_part(run_id)}/outputs/{_part(name)}", {})

    def create_run(self, body: CreateRun) -> RunRecord:
        """Keep what is asked, about the data as they are now; with `run_all` train at once."""
        return cast("RunRecord", self._json("POST", "/runs/create", {}, body))

    def build_features(self, run_id: str) -> Status:
        """Validate the data and build what enters the model; an error in the data ends the run."""
        return cast("Status", self._json("POST", f"/runs/{_part(run_id)}/build_features", {}))

    def train(self, run_id: str) -> Status:
        """Begin to sample in the background; features that are not built are built first."""
        return cast("Status", self._json("POST", f"/runs/{_part(run_id)}/train", {}))

    def show_status(self, run_id: str) -> Status:
        """Say at which stage a run is, how far, for how long yet, and what comes next."""
        return cast("Status", self._json("GET", f"/runs/{_part(run_id)}/status", {}))

    def show_run(self, run_id: str) -> RunRecord:
        """Give the record of a staged run, or the page of any run to whoever asks for a page."""
        return cast("RunRecord", self._json("GET", f"/runs/{_part(run_id)}", {}))

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        return json.loads(self._bytes(method, path, query, content, kind))

    def _file(
        self,
        path: str,
        query: Mapping[str, Any],
        file: bytes,
        filename: str,
        headers: Mapping[str, str | None],
    ) -> Any:
        boundary = uuid4().hex
        name = filename.replace('"', "'").replace("\r", " ").replace("\n", " ")
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\n\r\n"
        content = head.encode() + file + f"\r\n--{boundary}--\r\n".encode()
        given = {key: value for key, value in headers.items() if value is not None}
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return json.loads(self._bytes("POST", path, query, content, given | kind))

    def _bytes(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        given = {
            name: json.dumps(value) if isinstance(value, bool) else value
            for name, value in query.items()
            if value is not None
        }
        url = f"{self._address}{path}" + (f"?{urlencode(given)}" if given else "")
        sent = {"Accept": "application/json, */*;q=0.5", **(headers or {})}
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        request = Request(url, content, sent, method=method)  # noqa: S310  # the caller's own
        try:
            with urlopen(request, timeout=self._patience) as answer:  # noqa: S310
                found: bytes = answer.read()
                if method == "GET" and answer.status == _ACCEPTED:
                    raise NotReadyError(answer.status, json.loads(found))
                return found
        except HTTPError as refusal:
            raise MixError(refusal.code, _problem(refusal.read())) from refusal


def _part(text: str) -> str:
    return quote(text, safe="")


def _problem(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {"detail": content[:200].decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {"detail": str(found)}
