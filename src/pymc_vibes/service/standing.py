"""Where an unfinished run stands, in words that every surface shows alike."""

from datetime import datetime

from pymc_vibes.core.run import Run, RunState

_MINUTE = 60
_STAGES = {
    "wait": "waiting for a free sampler",
    "compile": "compiling the model",
    "sample": "sampling",
}
"""What samplers do, as people say it."""


def stage(run: Run) -> str:
    """Name what is being done now."""
    if run.cancelling:
        return "Stopping"
    if run.state is RunState.QUEUED:
        return "Waiting for its turn"
    name = run.progress.stage if run.progress else ""
    name = _STAGES.get(name, name)
    return f"{name[:1].upper()}{name[1:]}" if name else "Starting"


def share(run: Run) -> float | None:
    """Give the part of the stage that is done, from 0 to 1; None where that is not known."""
    progress = run.progress
    if progress is None or progress.total <= 0:
        return None
    return min(1.0, progress.done / progress.total)


def facts(run: Run) -> tuple[str, ...]:
    """Say what else is known: how many steps are done, and what was counted."""
    progress = run.progress
    if progress is None:
        return ()
    steps = (f"{progress.done:,} of {progress.total:,} steps",) if progress.total > 0 else ()
    counted = tuple(
        f"{value:,.4g} {name.replace('_', ' ')}" for name, value in progress.facts.items()
    )
    return steps + counted


def elapsed(run: Run, now: datetime) -> str:
    """Say how long ago the run was asked for, to the second.

    >>> from datetime import UTC, timedelta
    >>> then = datetime(2024, 1, 1, tzinfo=UTC)
    >>> run = Run(
    ...     id="1", experiment="e", kind="k", state=RunState.QUEUED, created=then, config={}
    ... )
    >>> elapsed(run, then + timedelta(seconds=7)), elapsed(run, then + timedelta(seconds=125))
    ('7 s', '2 min 5 s')
    """
    seconds = max(0, int((now - run.created).total_seconds()))
    minutes, rest = divmod(seconds, _MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def sentence(run: Run, now: datetime) -> str:
    """Say in one line where it stands."""
    done = share(run)
    parts = ([f"{100 * done:.0f} %"] if done is not None else []) + list(facts(run))
    after = f" ({', '.join(parts)})" if parts else ""
    return f"{stage(run)}{after}, {elapsed(run, now)} since it was asked for."
