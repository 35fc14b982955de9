"""What runs measured, taken into the settings of a kind that names those runs.

The numbers are taken once, before anything is read or fitted, so they stand in the recorded
settings and enter the key: an answer is rebuilt and reproduced without asking for them again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.config import Config
from pymc_vibes.core.errors import BadConfig, InvalidInput, NotFound, VibesError
from pymc_vibes.core.kind import Kind
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.kinds import find_kind

if TYPE_CHECKING:
    from pymc_vibes.core.lift import MeasuredLift
    from pymc_vibes.service.compute import Analysis


_ENDED = {RunState.FAILED: "failed", RunState.CANCELLED: "was cancelled"}


def informed(
    kind: Kind[Any],
    config: Config,
    *,
    find: Callable[[str], Run],
    rebuild: Callable[[Run], "Analysis"],
) -> Config:
    """Give the settings with what the runs that they name measured.

    Raises `BadConfig` that names the setting where a run has no such effect to give.
    """
    borrow = kind.borrow
    if borrow is None:
        return config
    try:
        lifts = {run_id: _measured(run_id, find, rebuild) for run_id in borrow.wanted(config)}
    except (InvalidInput, NotFound) as error:
        raise _refused(error, borrow.setting) from error
    told: Config = borrow.informed(config, lifts) if lifts else config
    return told


def _measured(
    run_id: str, find: Callable[[str], Run], rebuild: Callable[[Run], "Analysis"]
) -> "MeasuredLift":
    run = find(run_id)
    _check(run)
    kind = find_kind(run.kind)
    if kind.lift is None:
        raise BadConfig(
            f"Run {run.id} is of {kind.slug}, which measures no effect of an intervention.",
            hint="Name a run of an A/B test or an interrupted time series, or give the numbers.",
        )
    found = rebuild(run)
    if found.posterior.diagnostics.verdict == "problem":
        raise BadConfig(
            f"Run {run.id} is not to be trusted: {'; '.join(found.posterior.diagnostics.reasons)}",
            hint=f"vibes runs show {run.id}",
        )
    lift = kind.lift(found.posterior, found.config)
    source = {"run_id": run.id, "kind": kind.slug, "experiment": run.experiment}
    return lift.model_copy(update=source)


def _check(run: Run) -> None:
    if not run.is_over:
        raise BadConfig(
            f"Run {run.id} is not over: it is {run.state}.",
            hint=f"Ask again when it is: vibes runs show {run.id}",
        )
    if run.state is not RunState.SUCCEEDED:
        raise BadConfig(
            f"Run {run.id} measured nothing: it {_ENDED[run.state]}.",
            hint=f"Make a new one: vibes analyze {run.experiment}",
        )


def _refused(error: VibesError, setting: str) -> BadConfig:
    fields = [{"field": setting, "reason": error.detail}]
    return BadConfig(error.detail, hint=error.hint, fields=fields)
