"""The pictures: survival beside Kaplan-Meier, and the hazard."""

from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.core.posterior import Posterior
from pymc_vibes_survival.cells import Followed
from pymc_vibes_survival.reading import MOST_DRAWN, Reading
from pymc_vibes_survival.settings import SurvivalConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

_STEPS = 300  # of a Kaplan-Meier curve that are drawn, at most


def figures(posterior: Posterior, config: SurvivalConfig) -> tuple[Figure, ...]:
    """Draw survival with the Kaplan-Meier estimate beside it, and the hazard."""
    import numpy as np

    from pymc_vibes.stats.chart import lines_with_bands
    from pymc_vibes.stats.describe import plain, spread_title

    reading = Reading(posterior, config)
    names = reading.lives.groups[:MOST_DRAWN]
    end = max(reading.horizons[-1], *(group.last for group in reading.groups.values()))
    t, tails = np.linspace(0, end, 151), [(1 - config.level) / 2, (1 + config.level) / 2]
    drawn = {name: reading.points(name)[0] for name in names}
    slopes = {name: hazards.slope(t[1:]) for name, hazards in drawn.items()}
    lines = [
        (name, t[1:], np.median(slope, axis=0), *np.quantile(slope, tails, axis=0))
        for name, slope in slopes.items()
    ]
    half = reading.horizons[-1] / 2
    middle = [float(np.interp(half, t[1:], rate)) for _, _, rate, *_ in lines]
    hazard = lines_with_bands(
        "hazard",
        spread_title(f"hazard after {half:.3g} {config.unit}", names, middle, plain),
        f"Median hazards of {', '.join(names)} over {end:g} {config.unit}, with bands.",
        lines=lines,
        x_label=f"time, {config.unit}",
        y_label=f"hazard, events per {config.unit[:-1]}",
        level=config.level,
        y_zero=True,
    )
    return _survival_figure(reading, {n: h.survival(t) for n, h in drawn.items()}, t), hazard


def _survival_figure(reading: Reading, drawn: "Mapping[str, Array]", t: "Array") -> Figure:
    import numpy as np

    from pymc_vibes.stats.columns import level_words, numbers
    from pymc_vibes.stats.describe import percent, spread_title

    level, marks = reading.config.level, []
    tables: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for i, (name, values) in enumerate(drawn.items()):
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        curve = {"x": t, "y": values.mean(axis=0), "low": low, "high": high}
        steps = dict(zip("xy", _steps(reading.groups[name]), strict=True))
        tables |= {
            f"{kind}_{i}": {column: numbers(row) for column, row in columns.items()}
            for kind, columns in {"curve": curve, "steps": steps}.items()
        }
        at = {"series": i, "x": "x"}
        marks += [
            Mark(kind="band", table=f"curve_{i}", low="low", high="high", **at),
            Mark(kind="line", table=f"curve_{i}", y="y", **at),
            Mark(kind="line", table=f"steps_{i}", y="y", dashed=True, weight="thin", **at),
        ]
    end, unit = reading.horizons[-1], reading.config.unit
    means = [float(np.interp(end, t, values.mean(axis=0))) for values in drawn.values()]
    return Figure(
        name="survival",
        title=spread_title(f"chance of no event in {end:g} {unit}", list(drawn), means, percent),
        alt=f"Chance of no event by time for {', '.join(drawn)}, with the Kaplan-Meier steps.",
        spec=FigureSpec(
            x=Axis(label=f"time, {unit}", zero=True),
            y=Axis(label="chance of no event", format="chance", domain=(0, 1)),
            series=tuple(drawn),
            tables=tables,
            marks=tuple(marks),
            note=f"Bands: {level_words(level)} intervals; thin dashed steps: Kaplan-Meier.",
        ),
    )


def _steps(group: Followed) -> "tuple[Array, Array]":
    import numpy as np

    kept = np.flatnonzero(group.events > 0)
    kept = kept[:: max(1, -(-len(kept) // _STEPS))]
    y = np.concatenate([[1.0], group.kaplan_meier()[0][kept]])
    x = np.concatenate([[0.0], group.times[kept], [group.last]])
    return np.repeat(x, 2)[1:-1], np.repeat(y, 2)
