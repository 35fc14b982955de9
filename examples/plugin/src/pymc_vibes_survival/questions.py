"""Further questions: two groups, and one moment."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes_survival.reading import Reading
from pymc_vibes_survival.settings import SurvivalConfig, Time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]


class Pair(Parameters):
    """Which two groups, and how far."""

    a: str = setting(..., "The first group.", max_length=2000)
    b: str = setting(..., "The second group.", max_length=2000)
    horizon: Time | None = setting(None, "Up to which time; by default the last horizon.")


def compare(posterior: Posterior, config: SurvivalConfig, asked: Pair) -> QueryAnswer:
    """Compare two groups: difference and ratio of restricted means, difference of survival."""
    import numpy as np

    from pymc_vibes.stats.describe import estimate_data

    if asked.a == asked.b:
        raise BadConfig("A group cannot be compared with itself.", hint="Name two groups.")
    reading = Reading(posterior, config)
    end, pair = asked.horizon or reading.horizons[-1], (asked.a, asked.b)
    claim, decision, a, b = reading.compared(*pair, end)
    alive = [hazards.survival(np.array([end]))[:, 0] for hazards in reading.points(*pair)]
    minus, over = " minus ".join(pair), " over ".join(pair)
    contrasts = (
        reading.estimate("difference", f"{minus}, mean", a - b, unit=config.unit),
        reading.estimate("ratio", f"{over}, mean", a / b, unit="times"),
        reading.estimate(
            "survival difference", f"{minus}, survival", alive[0] - alive[1], percent=True
        ),
    )
    data = {estimate.name.replace(" ", "_"): estimate_data(estimate) for estimate in contrasts}
    return QueryAnswer(
        summary=Summary(
            headline=claim.text, decision=decision, estimates=contrasts, claims=(claim,)
        ),
        figures=(_difference(reading, pair, end, a - b),),
        data={
            "a": asked.a,
            "b": asked.b,
            "horizon": end,
            "p_A_gt_B": float((a > b).mean()),
            **data,
        },
    )


def _difference(reading: Reading, pair: tuple[str, str], end: float, minus: "Array") -> Figure:
    import numpy as np

    from pymc_vibes.stats.chart import difference_curve
    from pymc_vibes.stats.describe import difference_title, plain
    from pymc_vibes.stats.draws import Draws

    unit, tail = reading.config.unit, (1 - reading.config.level) / 2
    outer, low, high, last = np.quantile(minus, [0.001, tail, 1 - tail, 0.999])
    x = np.linspace(outer, last, 201)
    return difference_curve(
        "difference",
        difference_title(*pair, low, high, plain, unit),
        f"Posterior density of the restricted mean of {pair[0]} minus that of {pair[1]}.",
        x=x,
        y=Draws(minus[None, :, None]).pdf(0, x),
        low=low,
        high=high,
        mean=float(minus.mean()),
        x_label=f"{' minus '.join(pair)}, mean of the first {end:g} {unit}",
        unit=unit,
        level=reading.config.level,
        sides=(f"{pair[1]} longer", f"{pair[0]} longer"),
        colors=(1, 0),
    )


class Moment(Parameters):
    """At which time."""

    at: Time = setting(..., "The time, in the unit of the settings.")
    group: str | None = setting(None, "One group; all by default.", max_length=2000)


def survival(posterior: Posterior, config: SurvivalConfig, asked: Moment) -> QueryAnswer:
    """Give the chance of no event up to a time."""
    import numpy as np

    from pymc_vibes.stats.describe import estimate_data, percent, spread_title

    reading = Reading(posterior, config)
    names = reading.lives.groups if asked.group is None else (asked.group,)
    found = [
        reading.estimate(
            "survival", name, reading.points(name)[0].survival(np.array([asked.at]))[:, 0],
            percent=True,
        )
        for name in names
    ]  # fmt: skip
    means = [estimate.mean or 0.0 for estimate in found]
    words = spread_title(f"chance of no event in {asked.at:g} {config.unit}", names, means, percent)
    groups = {estimate.label: estimate_data(estimate) for estimate in found}
    return QueryAnswer(
        summary=Summary(headline=f"{words}.", estimates=tuple(found)),
        data={"at": asked.at, "unit": config.unit, "groups": groups},
    )


QUERIES = (
    PosteriorQuery(
        slug="compare",
        title="Two groups",
        about="Which of two groups stays without the event for longer, and by how much.",
        parameters=Pair,
        answer=compare,
    ),
    PosteriorQuery(
        slug="survival",
        title="Chance of no event",
        about="The chance of no event up to a time, for every group.",
        parameters=Moment,
        answer=survival,
    ),
)
