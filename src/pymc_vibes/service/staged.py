"""Runs of a marketing mix in stages: what is asked is kept first, and worked on when told to.

    CREATED ──► VALIDATED ──► FEATURES_BUILT ──► TRAINING ──► TRAINED ──► OUTPUTS_READY
       └────────────┴───────────────┴───────────────┴────────────┴──────► ERROR

Stages before training are entries of a journal of the run's own, to which is only ever added. From
training on a stage is the state of the run in the run table, under the same id. A run is about the
data as they were when it was created.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import (
    BadConfig,
    ExperimentNotFound,
    IllegalTransition,
    InsufficientData,
    InvalidInput,
    KindMismatch,
    RunCancelled,
    RunNotFound,
)
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.records import Record
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.kinds.marketing_mix.cells import reduce
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import ValidationSummary
from pymc_vibes.kinds.marketing_mix.reading import reading_of
from pymc_vibes.kinds.marketing_mix.run_spec import RunSpec
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA, roles_of
from pymc_vibes.kinds.marketing_mix.study import Study, study_of
from pymc_vibes.kinds.marketing_mix.validate import require_valid, validation_summary
from pymc_vibes.service import keys
from pymc_vibes.service.analysis import new_id
from pymc_vibes.service.compute import WRITING
from pymc_vibes.store.journals import Kept

if TYPE_CHECKING:
    from pymc_vibes.service.service import Service

KIND = "marketing-mix"
_SPEC_NAMES = {"target_column": "target_col"}
"""Settings that the specification of a run calls by another name."""


class Stage(StrEnum):
    """Where a staged run stands."""

    CREATED = "CREATED"
    VALIDATED = "VALIDATED"
    FEATURES_BUILT = "FEATURES_BUILT"
    TRAINING = "TRAINING"
    TRAINED = "TRAINED"
    OUTPUTS_READY = "OUTPUTS_READY"
    ERROR = "ERROR"


UNTRAINED = frozenset({Stage.CREATED, Stage.VALIDATED, Stage.FEATURES_BUILT})


class Reached(Record):
    """A stage that was reached, and when."""

    stage: Stage
    at: datetime


@dataclass(frozen=True, kw_only=True)
class StagedRun:
    """A run with all that was said of it so far."""

    id: str
    experiment: str
    experiment_id: str
    created: datetime
    stage: Stage
    marks: tuple[Reached, ...]
    spec: Mapping[str, Any] | None
    """None of a run that was asked for in another way."""
    settings: Mapping[str, Any]
    snapshot: int | None
    validation: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    """The problem that ended it."""
    run: Run | None
    """Its record in the run table, from training on."""


class StagedRuns:
    """Creates runs, takes them from stage to stage, and knows where they stand."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._journals = service.queue.journals

    def create(self, spec: RunSpec) -> StagedRun:
        """Keep what is asked; raises `BadConfig` where it names what the data do not have."""
        experiment = self._dataset(spec.dataset_id)
        if not experiment.rows:
            raise InsufficientData(
                f"{experiment.name} has no rows yet.", hint="POST /datasets/upload adds some."
            )
        settings = spec.config().model_dump(mode="json", exclude_unset=True)
        self._check_columns(experiment, _config(experiment, settings))
        run_id = new_id()
        asked = {
            "experiment": experiment.name,
            "experiment_id": experiment.id,
            "snapshot": experiment.snapshot,
            "spec": spec.model_dump(mode="json"),
            "settings": settings,
        }
        self._mark(run_id, Stage.CREATED, asked)
        return self.show(run_id)

    def _dataset(self, name: str) -> Experiment:
        """Give the dataset; the sample is made when it is first asked for."""
        from pymc_vibes.kinds.marketing_mix.samples import SAMPLE
        from pymc_vibes.service.demo import is_unfinished_sample, ship_sample

        try:
            found = self._service.experiment_of(name, KIND)
        except ExperimentNotFound:
            if name.lower() != SAMPLE:
                raise
            return ship_sample(self._service)
        return ship_sample(self._service) if is_unfinished_sample(found) else found

    def show(self, run_id: str) -> StagedRun:
        """Give a run as it stands; one that was asked for in another way as well."""
        run = self._trained(run_id)
        past = self._past(run_id)
        if not past:
            return self._unstaged(run_id)
        asked, latest = past[0].value, past[-1]
        return StagedRun(
            id=run_id,
            experiment=asked["experiment"],
            experiment_id=asked["experiment_id"],
            created=past[0].created,
            stage=Stage(latest.name) if run is None else _stage_of(run),
            marks=(*_marks(past), *_marks_of(run)),
            spec=asked["spec"],
            settings=asked["settings"],
            snapshot=asked["snapshot"],
            validation=_value(past, Stage.VALIDATED),
            error=_value(past, Stage.ERROR) or _error_of(run),
            run=run,
        )

    def is_staged(self, run_id: str) -> bool:
        """Whether a run was created here."""
        return bool(self._past(run_id))

    def build(self, run_id: str) -> StagedRun:
        """Validate the data and build the features; an error in the data ends the run."""
        staged = self.show(run_id)
        require(staged, UNTRAINED - {Stage.FEATURES_BUILT}, "build its features")
        self._build(staged)
        return self.show(run_id)

    def train(self, run_id: str) -> StagedRun:
        """Let the run wait for a sampler, once its features are built."""
        staged = self.show(run_id)
        require(staged, UNTRAINED, "train it")
        experiment = self._experiment(staged)
        if staged.stage is not Stage.FEATURES_BUILT:
            self._build(staged)
        self._service.begin(run_id, experiment.name, staged.settings, snapshot=staged.snapshot)
        return self.show(run_id)

    def study(self, staged: StagedRun) -> tuple[Study, MarketingMixConfig]:
        """Give the canonical data and features of a run, from its cells or from the lake."""
        if staged.stage is Stage.OUTPUTS_READY:
            found = self._service.rebuilt(staged.id)
            assert isinstance(found.config, MarketingMixConfig)  # noqa: S101  # of this kind
            return reading_of(found.posterior, found.config).study, found.config
        return self._read(staged)

    def validation(self, staged: StagedRun) -> ValidationSummary:
        """Give what was found when the data were checked."""
        if staged.validation is not None:
            return ValidationSummary.model_validate(staged.validation["summary"])
        return self.check(self._experiment(staged), staged.settings, staged.snapshot)

    def check(
        self, experiment: Experiment, settings: Mapping[str, Any], snapshot: int | None = None
    ) -> ValidationSummary:
        """Check the data of an experiment under settings."""
        config = _config(experiment, settings)
        with self._service.lake.reading(experiment, snapshot, SCHEMA) as view:
            return validation_summary(view.events, config)

    def _build(self, staged: StagedRun) -> None:
        try:
            summary = self.validation(staged)
            require_valid(summary)
            self._mark(staged.id, Stage.VALIDATED, {"summary": summary.model_dump(mode="json")})
            study, _ = self._read(staged)
        except InvalidInput as error:
            error.extras["run_id"] = staged.id
            self._mark(staged.id, Stage.ERROR, error.problem())
            raise
        self._mark(staged.id, Stage.FEATURES_BUILT, {"features": _counted(study)})

    def _read(self, staged: StagedRun) -> tuple[Study, MarketingMixConfig]:
        experiment = self._experiment(staged)
        config = _config(experiment, staged.settings)
        with self._service.lake.reading(experiment, staged.snapshot, SCHEMA) as view:
            cells = view.to_arrow(reduce(view.events, view.roster, config))
        return study_of(keys.canonical(cells), config), config

    def _check_columns(self, experiment: Experiment, config: MarketingMixConfig) -> None:
        with self._service.lake.reading(experiment, experiment.snapshot, SCHEMA) as view:
            present = view.events.columns
        try:
            roles = roles_of(present, config.target_column, config.drivers, config.controls)
        except BadConfig as error:
            raise _in_words_of_a_spec(error) from error
        if config.adstock.kind == "fixed":
            unknown = sorted({*config.adstock.per_channel} - {*roles.channels})
            if unknown:
                raise _no_channel(unknown[0], roles.channels)

    def _experiment(self, staged: StagedRun) -> Experiment:
        found = self._service.experiment_of(staged.experiment, KIND)
        if found.id != staged.experiment_id:
            raise ExperimentNotFound(
                f"The dataset of run {staged.id} was deleted since; {found.name} is another one.",
                hint="POST /runs/create makes a run on the data that there are.",
            )
        return found

    def _past(self, run_id: str) -> tuple[Kept, ...]:
        is_id = run_id.isascii() and run_id.isalnum()  # PostgreSQL refuses some other texts
        return self._journals.entries(_scope(run_id)) if is_id else ()

    def _trained(self, run_id: str) -> Run | None:
        try:
            return self._service.run(run_id)
        except RunNotFound:
            return None

    def _unstaged(self, run_id: str) -> StagedRun:
        """Show a run that was asked for in another way; it has no stages before training."""
        run = self._service.run(run_id)
        if run.kind != KIND:
            raise KindMismatch(
                f"Run {run.id} is of kind {run.kind}; stages are of {KIND}.",
                hint=f"GET /api/v1/runs/{run.id} shows it.",
            )
        return StagedRun(
            id=run.id,
            experiment=run.experiment,
            experiment_id=self._service.queue.experiment_id(run.id),
            created=run.created,
            stage=_stage_of(run),
            marks=tuple(_marks_of(run)),
            spec=None,
            settings=run.config,
            snapshot=run.answer.provenance.snapshot if run.answer else None,
            validation=None,
            error=_error_of(run),
            run=run,
        )

    def _mark(self, run_id: str, stage: Stage, value: Mapping[str, Any]) -> None:
        """Add a stage to the journal; one that is reached twice at once stands there once."""
        scope = _scope(run_id)
        while True:
            past = self._journals.entries(scope)
            if any(kept.name == stage for kept in past):
                return
            made = Kept(
                number=len(past) + 1, name=stage, created=datetime.now(UTC), value=dict(value)
            )
            if self._journals.append(scope, made):
                return


def require(staged: StagedRun, allowed: frozenset[Stage], what: str) -> None:
    """Raise `IllegalTransition` that names the next call unless the run is at such a stage."""
    if staged.stage in allowed:
        return
    reason = f": {staged.error['detail']}" if staged.error else ""
    raise IllegalTransition(
        f"Run {staged.id} is at {staged.stage}, so nothing can {what} now{reason}",
        hint=f"Next: {next_call(staged)}",
        stage=staged.stage.value,
        next=next_call(staged),
    )


def next_call(staged: StagedRun) -> str:
    """Name the call that comes next."""
    match staged.stage:
        case Stage.CREATED | Stage.VALIDATED:
            return f"POST /runs/{staged.id}/build_features"
        case Stage.FEATURES_BUILT:
            return f"POST /runs/{staged.id}/train"
        case Stage.TRAINING | Stage.TRAINED:
            return f"GET /runs/{staged.id}/status"
        case Stage.OUTPUTS_READY:
            return f"GET /runs/{staged.id}/outputs"
        case Stage.ERROR:
            return "POST /runs/create"


def _scope(run_id: str) -> str:
    return f"staged-run/{run_id}"


def _config(experiment: Experiment, settings: Mapping[str, Any]) -> MarketingMixConfig:
    return parse(MarketingMixConfig, {**experiment.config, **settings})


def _stage_of(run: Run) -> Stage:
    if run.state is RunState.SUCCEEDED:
        return Stage.OUTPUTS_READY
    if run.is_over:
        return Stage.ERROR
    is_drawn = run.progress is not None and run.progress.stage == WRITING
    return Stage.TRAINED if is_drawn else Stage.TRAINING


def _marks(past: tuple[Kept, ...]) -> Iterator[Reached]:
    for kept in past:
        yield Reached(stage=Stage(kept.name), at=kept.created)


def _marks_of(run: Run | None) -> Iterator[Reached]:
    """Give the stages of a run's record; how long it is drawn and not written is not kept."""
    if run is None:
        return
    yield Reached(stage=Stage.TRAINING, at=run.created)
    if run.finished is not None:
        yield Reached(stage=_stage_of(run), at=run.finished)


def _value(past: tuple[Kept, ...], stage: Stage) -> Mapping[str, Any] | None:
    return next((kept.value for kept in past if kept.name == stage), None)


def _error_of(run: Run | None) -> Mapping[str, Any] | None:
    if run is None or run.state is not RunState.CANCELLED:
        return run.error if run is not None else None
    again = RunCancelled(f"Run {run.id} was cancelled.", hint="POST /runs/create makes a new one.")
    return again.problem()


def _counted(study: Study) -> Mapping[str, Any]:
    features = study.features
    return {
        "grain": study.panel.grain,
        "periods": features.fitted,
        "carry_in": study.span.fit - study.span.start,
        "channels": list(study.panel.channels),
        "columns": list(features.form.columns),
    }


def _in_words_of_a_spec(error: BadConfig) -> BadConfig:
    fields = [
        {**field, "field": _SPEC_NAMES.get(field["field"], field["field"])}
        for field in error.extras.get("fields", ())
    ]
    return BadConfig(error.detail, hint=error.hint, fields=fields)


def _no_channel(name: str, known: tuple[str, ...]) -> BadConfig:
    reason = f"there is no channel {name[:80]!r}"
    return BadConfig(
        f"{reason[0].upper()}{reason[1:]}.",
        hint=f"The channels are: {', '.join(known)[:500]}.",
        fields=[{"field": "feature_config.adstock.per_channel", "reason": reason}],
    )
