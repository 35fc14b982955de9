"""Where an unfinished run stands, in words that every surface shows alike."""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from pymc_vibes.core.records import Record
from pymc_vibes.core.run import Run, RunState

_MINUTE = 60
_HOUR = 60 * _MINUTE
_CHAIN = re.compile(r"chain_\d+")
_HINTS = frozenset({"about_seconds", "attempt", "tune"})  # told in other words
BASIS_SECONDS = 2.0  # of a stage, before its speed says anything
BASIS_SHARE = 0.05
_STAGES = {
    "wait": "waiting for a free sampler",
    "compile": "compiling the model",
    "sample": "sampling",
    "update": "computing",
}
"""What samplers do, as people say it."""
_METHODS = {"exact": "exact", "quadrature": "by quadrature", "nuts": "sampled"}


class Place(Record):
    """Where an unfinished run stands among the others."""

    ahead: int = 0
    """Runs that wait as well and are begun before it."""
    is_served: bool = True
    """Whether a worker lives that will work on it, or does."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """How far one chain is."""

    number: int
    done: int
    total: int

    @property
    def share(self) -> float:
        """The part that is done, from 0 to 1."""
        return min(1.0, self.done / self.total)


def stage(run: Run) -> str:
    """Name what is being done now."""
    if run.cancelling:
        return "Stopping"
    if run.state is RunState.QUEUED:
        return "Waiting for its turn"
    progress = run.progress
    name = progress.stage if progress else ""
    if name == "sample" and progress and progress.done > 0 and _is_tuning(run):
        name = "tuning the sampler"
    name = _STAGES.get(name, name)
    return f"{name[:1].upper()}{name[1:]}" if name else "Starting"


def share(run: Run) -> float | None:
    """Give the part of the stage that is done, from 0 to 1; None where that is not known."""
    progress = run.progress
    if progress is None or progress.total <= 0 or "about_seconds" in progress.facts:
        return None
    return min(1.0, progress.done / progress.total)


def chains(run: Run) -> tuple[Chain, ...]:
    """Say how far each chain is, where the sampler tells."""
    progress = run.progress
    if progress is None or progress.total <= 0:
        return ()
    done = _chains_done(run)
    each = max(1, progress.total // max(1, len(done)))
    return tuple(Chain(number=n, done=d, total=each) for n, d in enumerate(done, 1))


def facts(run: Run) -> tuple[str, ...]:
    """Say what else is known: how many steps are done, and what was counted."""
    progress = run.progress
    if progress is None:
        return ()
    is_counted = share(run) is not None
    steps = (f"{progress.done:,} of {progress.total:,} steps",) if is_counted else ()
    counts = tuple(
        counted(value, name)
        for name, value in progress.facts.items()
        if name not in _HINTS and not _CHAIN.fullmatch(name)
    )
    attempt = progress.facts.get("attempt", 1)
    return steps + counts + ((f"attempt {attempt:.0f}",) if attempt > 1 else ())


def seconds_left(run: Run, now: datetime) -> float | None:
    """Estimate how long the stage still takes; None before there is a basis for it.

    What is left is taken to go as fast as what was done; a later stage or attempt is not counted.
    """
    progress, done = run.progress, share(run)
    if progress is None or progress.began is None or done is None or run.cancelling:
        return None
    taken = (progress.updated - progress.began).total_seconds()
    if taken < BASIS_SECONDS or done < BASIS_SHARE:
        return None
    since = (now - progress.updated).total_seconds()
    return max(0.0, taken * (1 - done) / done - max(0.0, since))


def left(run: Run, now: datetime) -> str:
    """Say about how long the stage still takes; nothing before that is known."""
    seconds = seconds_left(run, now)
    if seconds is not None:
        return f"about {duration(_rounded(seconds))} left"
    usual = run.progress.facts.get("about_seconds") if run.progress else None
    return f"usually about {duration(usual)}" if usual else ""


def told(run: Run, now: datetime) -> tuple[str, ...]:
    """Say all that is known of an unfinished run beside its stage."""
    still = left(run, now)
    return (f"{elapsed(run, now)} since it was asked for", *([still] if still else []), *facts(run))


def history(run: Run) -> tuple[str, ...]:
    """Say what a list of runs tells of one: kind, verdict, method, time and who works on it."""
    parts = [run.kind]
    if run.gist is not None:
        found = run.gist
        parts += [f"{_METHODS.get(found.method, found.method)}, verdict {found.verdict}"]
    seconds = took(run)
    if seconds is not None and run.started is not None:
        parts += [f"took {duration(seconds)}"]
    if run.is_over:
        return tuple(parts)
    if run.tries > 1:
        parts += [f"try {run.tries}"]
    if run.worker is not None:
        parts += [f"worker {worker(run.worker)}"]
    return tuple(parts)


def worker(name: str) -> str:
    """Name a worker by machine and process; the rest of its name tells it from earlier ones.

    >>> worker("cherry-4711-01hqz3v9k2m0000000000000000")
    'cherry-4711'
    """
    return name.rpartition("-")[0] or name


def notes(run: Run, place: Place) -> tuple[str, ...]:
    """Say what else one should know of a run that is not over."""
    told = []
    if run.tries > 1:
        told.append(f"A worker died; begun again (try {run.tries}).")
    if run.state is RunState.QUEUED:
        if run.tries == 1:
            told.append("A worker died; it will be begun again.")
        if place.ahead:
            told.append(f"{counted(place.ahead, 'runs')} {_go(place.ahead)} first.")
    if not place.is_served and not run.is_over:
        told.append(_unserved(run))
    return tuple(told)


def duration(seconds: float) -> str:
    """Write a length of time as people say it.

    >>> duration(0.042), duration(7.4), duration(125), duration(7320)
    ('42 ms', '7 s', '2 min 5 s', '2 h 2 min')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds > 0 else "0 s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


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
    return duration(max(0, int((now - run.created).total_seconds())))


def took(run: Run) -> float | None:
    """Give how many seconds a run that is over took, from when it was begun; None before that."""
    if run.finished is None:
        return None
    return max(0.0, (run.finished - (run.started or run.created)).total_seconds())


def sentence(run: Run, now: datetime) -> str:
    """Say in one line where it stands."""
    done = share(run)
    parts = ([f"{100 * done:.0f} %"] if done is not None else []) + list(facts(run))
    parts += [text for text in (left(run, now),) if text]
    after = f" ({', '.join(parts)})" if parts else ""
    return f"{stage(run)}{after}, {elapsed(run, now)} since it was asked for."


def _chains_done(run: Run) -> tuple[int, ...]:
    told = run.progress.facts if run.progress else {}
    names = (f"chain_{number}" for number in count(1))
    found: list[int] = []
    for name in names:
        if name not in told:
            return tuple(found)
        found.append(int(told[name]))
    return ()


def _is_tuning(run: Run) -> bool:
    """Whether no chain gives draws yet that count."""
    tune = run.progress.facts.get("tune", 0) if run.progress else 0
    return max(_chains_done(run), default=0) < tune


def counted(value: float, name: str) -> str:
    """Write a count with its name, which is a plural.

    >>> counted(1, "divergences"), counted(12345, "divergences")
    ('1 divergence', '12,345 divergences')
    """
    words = name.replace("_", " ")
    number = f"{int(value):,}" if float(value).is_integer() else f"{value:,.4g}"
    return f"{number} {words.removesuffix('s') if value == 1 else words}"


def _go(number: int) -> str:
    return "goes" if number == 1 else "go"


def _rounded(seconds: float) -> float:
    """Round an estimate to what is known of it."""
    step = 1 if seconds < 20 else 5 if seconds < 120 else 30
    return max(1, step * round(seconds / step))


def _unserved(run: Run) -> str:
    if run.state is RunState.QUEUED:
        return "Waiting: no worker is running; start one with `vibes worker`."
    return "Its worker is not heard of any more; the next one that is free begins it again."
