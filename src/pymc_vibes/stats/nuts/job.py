"""One job in the child of its structure, watched: progress goes out, a cancel goes in."""

import sys
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import InferenceFailed, RunCancelled
from pymc_vibes.stats.nuts.messages import Advance, Cancelled, Compiled, Done, Failed, Job
from pymc_vibes.stats.nuts.pool import shared
from pymc_vibes.stats.nuts.process import Child, ChildGone

if TYPE_CHECKING:
    from pymc_vibes.core.run import Watch
    from pymc_vibes.stats.nuts.model import Model, SamplerSettings

_TICK = 0.05  # seconds between two looks whether the run is cancelled
COLD_SECONDS = 15.0
"""About how long a child takes to start and to compile a structure; said, never relied on."""
_LOG = 2000  # characters of a child's last words that an error carries


def draw(model: "Model", settings: "SamplerSettings", watch: "Watch", attempt: int) -> Done:
    """Draw one set of chains; raises `RunCancelled` and `InferenceFailed`."""
    job = _job(model, settings)
    while True:
        with shared().child(model.structure, watch) as child:
            if watch.cancelled:
                raise RunCancelled("The run was cancelled before it sampled.")
            was_warm = child.is_compiled
            try:
                return _converse(child, job, watch, attempt)
            except ChildGone as gone:
                if was_warm and child.status == 0:
                    continue  # it ended for idleness just when it was asked
                raise _gone(child, settings.seed) from gone


def _job(model: "Model", settings: "SamplerSettings") -> Job:
    return Job(
        builder=model.builder,
        options=dict(model.options),
        data=dict(model.data),
        settings=settings,
        path=tuple(sys.path),
    )


def _converse(child: Child, job: Job, watch: "Watch", attempt: int) -> Done:
    try:
        return _ask(child, job, watch, attempt)
    except (ChildGone, InferenceFailed):
        raise
    except BaseException:  # whatever ends the waiting ends the work
        child.cancel()
        raise


def _ask(child: Child, job: Job, watch: "Watch", attempt: int) -> Done:
    child.ask(job)
    if not child.is_compiled:
        watch.stage("compile")
        watch.progress(0, 1, about_seconds=COLD_SECONDS, attempt=attempt)
    while True:
        reply = child.answer(_TICK)
        if isinstance(reply, Done):
            return reply
        if isinstance(reply, Failed):
            raise _failed(child, reply, job.settings.seed)
        if watch.cancelled or isinstance(reply, Cancelled):
            raise RunCancelled("The run was cancelled while it sampled.")
        if isinstance(reply, Compiled):
            child.is_compiled = True
            watch.stage("sample")
        if isinstance(reply, Advance):
            _tell(watch, reply, job.settings, attempt)


def _tell(watch: "Watch", advance: Advance, settings: "SamplerSettings", attempt: int) -> None:
    chains = {f"chain_{number}": done for number, done in enumerate(advance.finished, 1)}
    watch.progress(
        sum(advance.finished),
        settings.chains * (settings.tune + settings.draws),
        divergences=advance.divergences,
        attempt=attempt,
        tune=settings.tune,
        **chains,
    )


def _failed(child: Child, failed: Failed, seed: int) -> InferenceFailed:
    log = failed.trace[-_LOG:]
    if failed.stage == "compile":
        child.close()
        return InferenceFailed(
            f"The model could not be built: {failed.reason}",
            hint="Its builder refuses these data or options.",
            seed=seed,
            log=log,
        )
    return InferenceFailed(
        f"The sampler stopped: {failed.reason}",
        hint="Look for values that the model says are impossible.",
        seed=seed,
        log=log,
    )


def _gone(child: Child, seed: int) -> InferenceFailed:
    status = child.status
    how = f"by signal {-status}" if status is not None and status < 0 else f"with status {status}"
    return InferenceFailed(
        f"The sampler's process ended {how} before it had an answer.",
        hint="Ask again: a new one is started. Signal 9 often means that memory ran out; fewer "
        "draws or chains need less.",
        seed=seed,
        log=child.last_words[-_LOG:],
    )
