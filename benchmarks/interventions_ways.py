"""Ways to analyze interrupted series, run as a file by the interpreter that has the package.

    python interventions_ways.py WAY SERIES.json FOUND.json

`SERIES.json` holds `change`, the position of the first day after it, and `values`, one list per
series of daily values from Monday, 2025-01-06 on. `FOUND.json` gets the seconds of the imports, and
for each series its seconds, and mean, low and high of the average effect (95 %, equal tails).
Imports nothing of the benchmarks: peers' environments have neither them nor us. Our own ways stand
beside the peers' so that all are measured alike.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

type Found = tuple[float, float, float]

START = date(2025, 1, 6)
DRAWS, CHAINS = 2000, 4


@dataclass(frozen=True)
class Way:
    """How to analyze: `analyze(prepared, change, seed)` is timed, and `prepare(values)` is not."""

    analyze: Callable[[Any, int, int], Found]
    prepare: Callable[[list[float]], Any] = lambda values: values


def exact() -> Way:
    """Fit our engine alone: the posterior, and three effects with their intervals."""
    import numpy as np

    from pymc_vibes.stats import interrupted as engine
    from pymc_vibes.stats.series import Series, Window, standard_of
    from pymc_vibes.stats.terms import Model

    first = float((START - date(1970, 1, 1)).days)

    def analyze(values: list[float], change: int, _seed: int) -> Found:
        days = np.arange(first, first + len(values), dtype=float)
        series = Series(days, np.array(values), np.ones(len(values)))
        window = Window(first, first + change, first + len(values))
        standard = standard_of(series.between(window.first, window.change))
        if standard is None:
            raise ValueError("the days before never vary")
        fit = engine.fit_series(series, window, Model(), standard)
        effects = {name: fit.effect(name, 7) for name in engine.EFFECTS}
        ends = {name: effect.interval(0.95) for name, effect in effects.items()}
        mean, (low, high) = effects["average"].mean(), ends["average"]
        return float(mean[0]), float(low[0]), float(high[0])

    return Way(analyze)


def through_the_kind(**settings: Any) -> Way:
    """Fit, summarize and draw four PNG of 150 dpi, as the product does with reduced days."""
    import ibis
    import pyarrow as pa

    from pymc_vibes.core.run import NOBODY
    from pymc_vibes.kinds.interrupted_series import kind
    from pymc_vibes.stats.draw import to_png

    def config(change: int) -> Any:
        start = (START + timedelta(days=change)).isoformat()
        return kind.config.model_validate({"intervention_date": start} | settings)

    def prepare(values: list[float]) -> Any:
        days = [START + timedelta(days=day) for day in range(len(values))]
        instants = pa.array(days, pa.date32()).cast(pa.timestamp("us"))
        table = pa.table({"timestamp": instants, "outcome": values})
        events = ibis.duckdb.connect().create_table("events", table)
        return kind.reduce(events, None, config(len(values) // 2)).to_pyarrow()

    def analyze(cells: Any, change: int, _seed: int) -> Found:
        asked = config(change)
        posterior = kind.fit(cells, asked, NOBODY)
        told = {estimate.name: estimate for estimate in kind.summarize(posterior, asked).estimates}
        for figure in kind.figures(posterior, asked)[:4]:
            to_png(figure, dpi=150)
        mean, ends = told["average"].mean, told["average"].interval
        if mean is None or ends is None or ends.low is None or ends.high is None:
            raise ValueError("the average effect has no mean or no interval")
        return mean, ends.low, ends.high

    return Way(analyze, prepare)


def causalpy(
    *, sampler: str = "", trend: bool = True, picture: bool = False, wide: bool = False
) -> Way:
    """Fit CausalPy's `InterruptedTimeSeries` by its documented linear model, conditional mean."""
    np, pd, cp = (import_module(name) for name in ("numpy", "pandas", "causalpy"))
    prior = import_module("pymc_extras.prior").Prior
    import_module("matplotlib").use("Agg")
    formula = "y ~ 1 + t + C(dow)" if trend else "y ~ 1 + C(dow)"
    given: dict[str, Any] = {
        "draws": DRAWS,
        "chains": CHAINS,
        "cores": CHAINS,
        "progressbar": False,
    }
    if sampler:
        given["nuts_sampler"] = sampler
    noise = prior("HalfNormal", sigma=1000, dims=["treated_units"])
    priors = {
        "beta": prior("Normal", mu=0, sigma=1000, dims=["treated_units", "coeffs"]),
        "y_hat": prior("Normal", sigma=noise, dims=["obs_ind", "treated_units"]),
    }

    def analyze(values: list[float], change: int, seed: int) -> Found:
        days = pd.date_range(START, periods=len(values))
        weekday = days.dayofweek.astype(str)
        frame = pd.DataFrame({"y": values, "t": np.arange(len(values)), "dow": weekday}, index=days)
        model = cp.pymc_models.LinearRegression(
            sample_kwargs=given | {"random_seed": seed}, priors=priors if wide else None
        )
        found = cp.InterruptedTimeSeries(frame, days[change], formula=formula, model=model)
        found.effect_summary()
        if picture:
            drawn, _ = found.plot(show=False)
            drawn.savefig(BytesIO(), format="png", dpi=150)
            import_module("matplotlib.pyplot").close(drawn)
        draws = found.post_impact.mean("obs_ind").to_numpy().ravel()
        low, high = np.quantile(draws, [0.025, 0.975])
        return float(draws.mean()), float(low), float(high)

    return Way(analyze)


def causalimpact() -> Way:
    """Fit tfp-causalimpact with a season of seven days, all else by its defaults."""
    pd, peer = import_module("pandas"), import_module("causalimpact")
    options = peer.ModelOptions(seasons=[peer.Seasons(num_seasons=7)])

    def analyze(values: list[float], change: int, seed: int) -> Found:
        days = pd.date_range(START, periods=len(values))
        found = peer.fit_causalimpact(
            pd.DataFrame({"y": values}, index=days),
            (days[0], days[change - 1]),
            (days[change], days[-1]),
            model_options=options,
            seed=seed,
        )
        told = found.summary.loc["average"]
        names = ("abs_effect", "abs_effect_lower", "abs_effect_upper")
        mean, low, high = (float(told[name]) for name in names)
        return mean, low, high

    return Way(analyze)


WAYS: dict[str, Callable[[], Way]] = {
    "exact": exact,
    "kind": through_the_kind,
    "segmented": lambda: through_the_kind(engine="segmented", prior_scale=10.0),
    "causalpy": causalpy,
    "causalpy-picture": lambda: causalpy(picture=True),
    "causalpy-nutpie": lambda: causalpy(sampler="nutpie"),
    "causalpy-nutpie-picture": lambda: causalpy(sampler="nutpie", picture=True),
    "causalpy-wide": lambda: causalpy(sampler="nutpie", wide=True),
    "causalimpact": causalimpact,
}


def run(way: Callable[[], Way], asked: dict[str, Any]) -> dict[str, Any]:
    """Analyze every series in turn, and say how long it took."""
    begin = time.perf_counter()
    chosen = way()
    imported = time.perf_counter() - begin
    took, found = [], []
    for seed, values in enumerate(asked["values"], start=1):
        prepared = chosen.prepare(values)
        begin = time.perf_counter()
        found.append(chosen.analyze(prepared, asked["change"], seed))
        took.append(time.perf_counter() - begin)
    return {"imported": imported, "took": took, "found": found}


def main() -> int:
    """Read what is asked, and write what was found."""
    way, asked, answer = sys.argv[1:]
    warnings.simplefilter("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    told = json.loads(Path(asked).read_text(encoding="utf-8"))
    Path(answer).write_text(json.dumps(run(WAYS[way], told)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
