"""The numbers of experiments in sales, whether a run measured them or somebody entered them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.lift import Grade, LiftReadout, MeasuredLift
from pymc_vibes.kinds.marketing_mix.experiments import ExperimentEntry, by_hand

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

_WEAKEST: Grade = "interrupted"


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """One experiment with its numbers: the first readout is of the test, others come after it."""

    place: int
    """Which of the entries it is."""
    entry: ExperimentEntry
    readouts: tuple[LiftReadout, ...]
    """With their days, and in sales."""
    covariance: "Array"
    """Of their errors, `(readouts, readouts)`, as they were measured."""
    grade: Grade
    freedom: float | None

    @property
    def name(self) -> str:
        """Name it: by its channel and first day, where it has no name."""
        return self.entry.name or f"{self.entry.channel} {self.readouts[0].first}"

    def refuse(self, setting: str, reason: str, hint: str | None = None) -> BadConfig:
        """Make the error that names one setting of the entry."""
        said = f"The experiment {self.name!r} cannot be used: {reason}."
        return refused(self.place, setting, reason, said, hint)


def refused(place: int, setting: str, reason: str, said: str, hint: str | None = None) -> BadConfig:
    """Make the error that names one setting of the entry at `place`."""
    fields = [{"field": f"experiments.{place}.{setting}", "reason": reason}]
    return BadConfig(said, hint=hint, fields=fields)


def told(place: int, entry: ExperimentEntry) -> Told:
    """Read an entry; raises `BadConfig` where what a run measured and the entry do not fit."""
    import numpy as np

    if entry.run_id is not None:
        return _of_run(place, entry)
    readouts = by_hand(entry)
    sds = [sd for sd in (entry.sd, entry.after_sd) if sd is not None]
    return Told(
        place=place,
        entry=entry,
        readouts=readouts,
        covariance=np.diag(np.square(sds)),
        grade=entry.grade or _WEAKEST,
        freedom=None,
    )


def _of_run(place: int, entry: ExperimentEntry) -> Told:
    import numpy as np

    measured = entry.measured
    if measured is None:
        reason = "what the run measured is not known here"
        said = f"What run {entry.run_id} measured is not known here."
        hint = "Analyze the experiment, which looks it up; or give lift and sd."
        raise refused(place, "run_id", reason, said, hint)
    times = entry.value * _times(place, entry, measured)
    dated = _dated(place, entry, measured)
    return Told(
        place=place,
        entry=entry,
        readouts=tuple(one.model_copy(update={"mean": one.mean * times}) for one in dated),
        covariance=np.array(measured.covariance) * times**2,
        grade=entry.grade or measured.grade,
        freedom=measured.freedom,
    )


def _times(place: int, entry: ExperimentEntry, measured: MeasuredLift) -> float:
    if entry.scale is None:
        return 1.0
    if measured.units is None:
        reason = "the run measured the whole, so there is nothing to scale"
        raise refused(place, "scale", reason, f"Run {entry.run_id} measured the whole, so scale "
                      "has no meaning.", "Leave scale out.")  # fmt: skip
    return entry.scale / measured.units


def _dated(place: int, entry: ExperimentEntry, measured: MeasuredLift) -> tuple[LiftReadout, ...]:
    own = (entry.first, entry.last)
    one = measured.readouts[0]
    if not measured.has_days:
        if entry.first is None:
            reason = "the run does not know its days"
            said = f"Run {entry.run_id} does not know its days."
            hint = "Give first and last, or take a run with start and end."
            raise refused(place, "first", reason, said, hint)
        return (one.model_copy(update={"first": entry.first, "last": entry.last}),)
    if entry.first is not None and own != (one.first, one.last):
        reason = f"the run is of {one.first} to {one.last}"
        said = f"Run {entry.run_id} is of {one.first} to {one.last}, not of the days given."
        raise refused(place, "first", reason, said, "Leave first and last out.")
    return measured.readouts
