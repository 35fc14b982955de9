"""The answer as JSON: what a person reads and a program parses.

A decision is made where a `Summary` is made, in a kind's `summarize`; every surface only prints it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue, computed_field, model_validator

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.records import Record

if TYPE_CHECKING:
    import pandas as pd

type Verdict = Literal["good", "warning", "problem"]
type Method = Literal["exact", "quadrature", "nuts"]
type Tone = Literal["higher", "lower", "undecided", "same", "none"]
"""What a claim says; the color of everything that shows it. `none` where nothing is compared."""


class Interval(Record):
    """An interval with its probability mass and its kind."""

    low: float | None
    """None where the posterior has no finite bound."""
    high: float | None
    prob: float = Field(gt=0, lt=1)
    kind: Literal["hdi", "eti"]
    """`hdi`: highest density. `eti`: equal-tailed."""


class Estimate(Record):
    """One number of the answer with its uncertainty."""

    name: str
    label: str
    unit: str = ""
    mean: float | None
    """None where the posterior has no mean."""
    sd: float | None = None
    median: float | None = None
    interval: Interval | None = None
    """The interval of the claim: equal-tailed where a decision is read from it, else an HDI."""
    intervals: tuple[Interval, ...] = ()
    """Further intervals, such as the HDI beside the equal-tailed one."""
    mcse: float | None = None
    """Monte Carlo standard error of the mean; None for an exact number."""
    percent: bool = False
    """Show as a percentage: the number itself stays a fraction."""


class Claim(Record):
    """A sentence with the probability that it is true."""

    text: str
    probability: float = Field(ge=0, le=1)
    tone: Tone = "none"


class Decision(Record):
    """What to do, by which rule, and why."""

    action: str
    """A short imperative, such as `ship B` or `keep running`."""
    tone: Tone
    reason: str


class Finding(Record):
    """Something worth knowing about the data or the fit."""

    code: str
    severity: Literal["note", "warning", "error"]
    text: str


class Table(Record):
    """A table of the answer; `units` aligns with `columns`, empty where a column has none.

    Columns `low` and `high` side by side are shown as one interval, those of the unit `share` as
    percentages, those whose name starts with `chance` as chances.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    units: tuple[str, ...] = ()
    total: int | None = None
    """Rows that exist, where `rows` holds only the first of them."""

    def frame(self) -> "pd.DataFrame":
        """Give the table as a pandas frame."""
        import pandas as pd

        return pd.DataFrame([list(row) for row in self.rows], columns=list(self.columns))


class Attempt(Record):
    """One try of a sampler: what it was told, and what came of it."""

    settings: Mapping[str, JsonValue]
    """Among them `target_accept`, `tune`, `draws`, `chains`, `seed` and `form`."""
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    r_hat_max: float | None = None
    ess_bulk_min: float | None = None
    ess_tail_min: float | None = None
    divergences: int | None = None
    ebfmi_min: float | None = None
    seconds: float | None = None
    """Wall time of sampling; of compilation apart, because it is paid once per structure."""
    compile_seconds: float | None = None


class Diagnostics(Record):
    """Whether the posterior can be trusted, and what says so."""

    method: Method
    verdict: Verdict = "good"
    reasons: tuple[str, ...] = ()
    why: str | None = None
    """Why this method: it was asked for, it is exact, or another one refused and why."""
    r_hat_max: float | None = None
    ess_bulk_min: float | None = None
    ess_tail_min: float | None = None
    divergences: int | None = None
    ebfmi_min: float | None = None
    tree_depth_share: float | None = None
    """Share of draws whose tree reached the greatest depth."""
    worst: tuple[str, ...] = ()
    """Parameters with the worst R-hat or effective sample size, worst first."""
    attempts: tuple[Attempt, ...] = ()
    """Every try of the sampler, in order; the answer rests on the best of them."""
    error_estimate: float | None = None
    """Of a quadrature, relative to a posterior sd."""

    @model_validator(mode="before")
    @classmethod
    def _forget_converged(cls, values: Any) -> Any:
        # written for programs that read JSON; read back it follows from the verdict
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if name != "converged"}

    @computed_field  # type: ignore[prop-decorator]  # the pattern of pydantic
    @property
    def converged(self) -> bool:
        """Whether the verdict is not `problem`."""
        return self.verdict != "problem"


class Summary(Record):
    """The typed answer: headline, decision, numbers, claims, tables."""

    headline: str
    """One sentence in plain words; the first thing anybody reads."""
    decision: Decision | None = None
    estimates: tuple[Estimate, ...] = ()
    claims: tuple[Claim, ...] = ()
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    context: Mapping[str, JsonValue] = {}
    """What the numbers refer to: window, unit, prior, exposure, in words and values."""

    def table(self, name: str) -> Table:
        """Give one table by its name."""
        found = {table.name: table for table in self.tables}
        if name not in found:
            raise KeyError(f"There is no table {name!r}; there is {', '.join(found) or 'none'}.")
        return found[name]


class Origin(Record):
    """The run that something was read from."""

    run_id: str
    created: datetime
    cached: bool
    """Whether the run was there already when the question was asked."""


class Entry(Record):
    """The place of an answer in a journal."""

    number: int = Field(ge=1)
    created: datetime


class QueryAnswer(Record):
    """The answer to a further question."""

    summary: Summary
    figures: tuple[Figure, ...] = ()
    data: Mapping[str, JsonValue] = {}
    """The same answer for programs."""
    origin: Origin | None = None
    """The run whose posterior answered; None where no data are asked."""
    entry: Entry | None = None
    """Its place among the answers that are kept; None where they are not kept in order."""


class Provenance(Record):
    """The birth certificate of a number."""

    kind: str
    kind_version: int
    config: Mapping[str, Any]
    cells_hash: str
    snapshot: int | None
    seed: int
    versions: Mapping[str, str]
    key: str


class Gist(Record):
    """What a list says of an answer."""

    headline: str
    method: Method
    verdict: Verdict


class Answer(Record):
    """A finished run as every surface gives it."""

    run_id: str
    experiment: str
    kind: str
    created: datetime
    cached: bool = False
    summary: Summary
    figures: tuple[Figure, ...]
    diagnostics: Diagnostics
    provenance: Provenance

    @property
    def gist(self) -> Gist:
        """Say of it what a list says."""
        found = self.diagnostics
        return Gist(headline=self.summary.headline, method=found.method, verdict=found.verdict)

    @property
    def origin(self) -> Origin:
        """Say which run this is, and whether it was there already."""
        return Origin(run_id=self.run_id, created=self.created, cached=self.cached)
