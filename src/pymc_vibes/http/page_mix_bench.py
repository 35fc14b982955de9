"""What every page of the workbench knows: the workspace, the experiment, its run, the steps.

The workbench trains only when it is told to. It reads the newest run that has an answer, or the
one that the address names, and says what changed since.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import KindMismatch, RunNotFound
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.http import asking, overview, view
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import Service
from pymc_vibes.service.worlds import is_simulated

KIND = "marketing-mix"
FRONT = "/ui/mix"
LISTED_RUNS = 20
STANDINGS: Mapping[overview.Reading, str] = {
    "no data": "no data",
    "ready to read": "not trained",
    "new data": "new data",
    "attention": "attention",
}
"""What is said of an experiment that is not simply trained."""

type Workspace = Literal["demo", "real"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A page of the workbench."""

    slug: str
    title: str
    questions: tuple[str, ...] = ()
    """Questions of the kind that are asked there, in order; those it lacks are left out."""
    is_asked_at_once: bool = False
    """Whether the first question is answered without being asked for, where scripts run."""
    needs_trust: bool = False
    """Whether it shows contributions or returns, which a doubtful fit does not give."""


PREPARING = (
    Step(slug="data", title="Upload & check"),
    Step(slug="settings", title="Configure"),
    Step(slug="train", title="Train"),
)
READING = (
    Step(slug="fit", title="Fit", questions=("fitted",)),
    Step(
        slug="contributions",
        title="Contributions",
        questions=("contributions",),
        needs_trust=True,
    ),
    Step(slug="response", title="Response", questions=("curves",), needs_trust=True),
    Step(slug="roi", title="ROI", questions=("roas",), needs_trust=True),
    Step(
        slug="budget",
        title="Budget",
        questions=("optimize", "scenario"),
        is_asked_at_once=True,
        needs_trust=True,
    ),
    Step(
        slug="calibration",
        title="Calibration",
        questions=("next-experiment",),
        is_asked_at_once=True,
    ),
)
STEPS: Mapping[str, Step] = {step.slug: step for step in (*PREPARING, *READING)}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """An experiment on the workbench."""

    experiment: Experiment
    kind: Kind[Any]
    workspace: Workspace
    others: tuple[overview.Row, ...]
    """The experiments of the workspace."""
    run: Run | None
    """The run whose answer is shown."""
    under_way: Run | None
    runs: tuple[Run, ...]
    """The newest ones, each with the gist of its answer."""
    is_chosen: bool
    """Whether the address names the run."""

    @property
    def here(self) -> str:
        """Give the address that all its pages begin with."""
        return address(self.experiment.name)

    @property
    def answer(self) -> Answer | None:
        """Give the answer that is shown."""
        return self.run.answer if self.run is not None else None

    @property
    def is_trusted(self) -> bool:
        """Whether there is an answer, and it may be relied on."""
        return self.answer is not None and self.answer.diagnostics.converged

    @property
    def failed(self) -> Run | None:
        """Give the newest run where it ended without an answer and nothing came after it."""
        newest = self.runs[0] if self.runs else None
        is_failed = newest is not None and newest.state is RunState.FAILED
        return newest if is_failed else None

    @property
    def is_outdated(self) -> bool:
        """Whether events came after the run that is shown."""
        updated = self.experiment.updated
        return self.run is not None and updated is not None and updated > self.run.created

    @property
    def changed(self) -> tuple[str, ...]:
        """Name the settings that are not those of the run that is shown."""
        if self.run is None:
            return ()
        own = asking.settings_of(self.kind, self.experiment.config)
        return tuple(
            name for name, value in own.items() if not _is_same(self.run.config.get(name), value)
        )

    def to(self, slug: str, more: Mapping[str, str] | None = None) -> str:
        """Give the address of a step; it keeps the run that was chosen."""
        from urllib.parse import urlencode

        chosen = {"run": self.run.id} if self.run is not None and self.is_chosen else {}
        asked = urlencode({**chosen, **(more or {})})
        return f"{self.here}/{slug}" + (f"?{asked}" if asked else "")


def _is_same(used: Any, own: Any) -> bool:
    """Compare settings; what a run took from other runs is no setting."""
    return bool(_without_measured(used) == _without_measured(own))


def _without_measured(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_measured(v) for k, v in value.items() if k != "measured"}
    if isinstance(value, list | tuple):
        return [_without_measured(inner) for inner in value]
    return value


def address(name: str) -> str:
    """Give the address of an experiment's workbench."""
    return f"/experiments/{view.segment(name)}/workbench"


def open_bench(service: Service, name: str, run_id: str = "") -> Bench:
    """Gather what the pages of an experiment show; nothing is computed."""
    experiment = mix_of(service, name)
    runs = service.history(experiment.name, limit=LISTED_RUNS)
    shown = _chosen(service, experiment, run_id) if run_id else _newest(service, runs)
    workspace = workspace_of(service, experiment)
    return Bench(
        experiment=experiment,
        kind=find_kind(KIND),
        workspace=workspace,
        others=tuple(rows_of(service, workspace)),
        run=shown,
        under_way=next((service.run(run.id) for run in runs if not run.is_over), None),
        runs=runs,
        is_chosen=bool(run_id),
    )


def mix_of(service: Service, name: str) -> Experiment:
    """Give the experiment, or raise `KindMismatch` where it is no marketing mix."""
    experiment = service.experiment(name)
    if experiment.kind != KIND:
        raise KindMismatch(
            f"{experiment.name} is no marketing mix, so it has no workbench.",
            hint=f"Its own page is /experiments/{experiment.name}.",
        )
    return experiment


def _newest(service: Service, runs: tuple[Run, ...]) -> Run | None:
    answered = next((run for run in runs if run.state is RunState.SUCCEEDED), None)
    return None if answered is None else service.run(answered.id)


def _chosen(service: Service, experiment: Experiment, run_id: str) -> Run:
    found = service.run(run_id)
    if found.experiment != experiment.name or found.answer is None:
        raise RunNotFound(
            f"{experiment.name} has no answer by run {run_id[:40]!r}.",
            hint=f"Its newest answer is at {address(experiment.name)}.",
        )
    return found


def workspace_of(service: Service, experiment: Experiment) -> Workspace:
    """Say where an experiment belongs: simulated worlds are the demo, everything else is real."""
    return "demo" if is_simulated(service, experiment) else "real"


def rows_of(service: Service, workspace: Workspace) -> Iterator[overview.Row]:
    """List the experiments of a workspace with where they stand."""
    found = [one for one in service.experiments() if one.kind == KIND]
    for row in overview.rows(found, service.latest()):
        if workspace_of(service, row.experiment) == workspace:
            yield row
