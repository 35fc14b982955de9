"""Further questions: two groups, and one moment."""

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes_survival.reading import Reading
from pymc_vibes_survival.settings import SurvivalConfig, Time


class Pair(Parameters):
    """Which two groups, and how far."""

    a: str = setting(..., "The first group.", max_length=2000)
    b: str = setting(..., "The second group.", max_length=2000)
    horizon: Time | None = setting(None, "Up to which time; by default the last horizon.")


def compare(posterior: Posterior, config: SurvivalConfig, asked: Pair) -> QueryAnswer:
    """Compare two groups: difference and ratio of restricted means, difference of survival."""
    import numpy as np

    from pymc_vibes.stats.chart import difference_curve
    from pymc_vibes.stats.describe import difference_title, estimate_data, plain
    from pymc_vibes.stats.draws import Draws

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
    low, high = np.quantile(a - b, [(1 - config.level) / 2, (1 + config.level) / 2])
    x = np.linspace(np.quantile(a - b, 0.001), np.quantile(a - b, 0.999), 201)
    figure = difference_curve(
        "difference",
        difference_title(*pair, low, high, plain, config.unit),
        f"Posterior density of the restricted mean of {asked.a} minus that of {asked.b}.",
        x=x,
        y=Draws((a - b)[None, :, None]).pdf(0, x),
        low=low,
        high=high,
        mean=float((a - b).mean()),
        x_label=f"{minus}, mean of the first {end:g} {config.unit}",
        unit=config.unit,
        level=config.level,
        sides=(f"{asked.b} longer", f"{asked.a} longer"),
        colors=(1, 0),
    )
    data = {estimate.name.replace(" ", "_"): estimate_data(estimate) for estimate in contrasts}
    return QueryAnswer(
        summary=Summary(
            headline=claim.text, decision=decision, estimates=contrasts, claims=(claim,)
        ),
        figures=(figure,),
        data={
            "a": asked.a,
            "b": asked.b,
            "horizon": end,
            "p_A_gt_B": float((a > b).mean()),
            **data,
        },
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
