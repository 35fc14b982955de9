"""Ways to fit a media mix, run as a file by the interpreter that has the package.

    python mix_ways.py WAY ASKED.json FOUND.json

`ASKED.json` holds `brands`, each with `days`, `sales`, `media` (weeks x channels), `columns` and
`season`; `window`, the first and the last week that a return is asked about; `noise`, `draws` and
`tune`. Every brand is fitted in turn, in one process, as a person would whose data have changed.
Imports nothing of the benchmarks: peers' environments have neither them nor us.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

WEEKS_AHEAD = 13
SWING = 0.3
LAGS = 7
SAME, DEFAULT = "same", "default"


class Way(Protocol):
    """How to fit a brand, what to read from a fit, and what may be asked of it afterwards."""

    def fit(self, brand: dict[str, Any], seed: int) -> Any:
        """Fit a brand, from its data to contributions."""

    def draws(self, fitted: Any) -> dict[str, Any]:
        """Give draws by name, `(chains, draws, ...)`, with `brought`: what channels brought."""

    def roas(self, fitted: Any) -> Any:
        """Give sales by money in the window, `(draws, channels)`, with carry-over."""

    def plan(self, fitted: Any) -> list[float]:
        """Give the best budget of 13 weeks, each channel within 30 % of what it had lately."""


@dataclass(frozen=True)
class Fitted:
    """What one fit took, and what it found; contributions are sums over all weeks."""

    took: float
    processor: float
    ess: float
    """Smallest bulk effective sample size of parameters and contributions."""
    ess_brought: float
    r_hat: float
    mean: list[float]
    low: list[float]
    high: list[float]


class Ours:
    """Our model and our sampler; `same` takes the peer's prior of coefficients."""

    def __init__(self, asked: dict[str, Any], priors: str) -> None:
        """Import what is needed."""
        from pymc_vibes.stats import nuts

        self.asked, self.is_same = asked, priors == SAME
        if asked.get("cache"):
            nuts.configure(cache=Path(asked["cache"]))

    def fit(self, brand: dict[str, Any], seed: int) -> Any:
        """Sample in a child, and sum up contributions draw by draw."""
        import numpy as np

        from pymc_vibes.core.run import NOBODY
        from pymc_vibes.stats import media_sampling as mix
        from pymc_vibes.stats import nuts
        from pymc_vibes.stats.media_effects import contributions
        from pymc_vibes.stats.media_transforms import with_carry_in

        media = np.array(brand["media"])
        beside = np.column_stack([brand["columns"], brand["season"]])
        acted = with_carry_in(media[:0], media, LAGS)
        series = [mix.MediaSeries(sales=np.array(brand["sales"]), activity=acted, columns=beside)]
        form, priors = self._model(media.shape[1], beside.shape[1])
        asked = self.asked
        settings = nuts.SamplerSettings(draws=asked["draws"], tune=asked["tune"], seed=seed)
        sampled = nuts.sample(mix.brand_model(series, form, priors), settings, NOBODY)
        draws = mix.brand_draws(sampled, series, form, priors)[0]
        brought = contributions(draws, draws.terms(acted)).lost.sum(1)
        return sampled, draws, acted, media, brought

    def _model(self, channels: int, columns: int) -> Any:
        import numpy as np

        from pymc_vibes.stats import media_sampling as mix
        from pymc_vibes.stats.media_transforms import MediaSpec

        form = mix.MediaForm(
            channels=[f"m{c}" for c in range(channels)],
            columns=[f"column {c}" for c in range(columns)],
            spec=MediaSpec(max_lag=LAGS),
            noise=self.asked["noise"],
        )
        share = mix.total_share(0.2, np.ones(channels))
        priors = mix.MediaPriors(
            parameters=mix.default_parameters(form.spec),
            effects=mix.SharedScaleEffects(0.5) if self.is_same else share,
            column_sd=np.full(columns, 0.3),
            tails="exponential" if self.is_same else "gamma",
        )
        return form, priors

    def draws(self, fitted: Any) -> dict[str, Any]:
        """Read the chains."""
        sampled, brought = fitted[0], fitted[4]
        posterior = sampled.tree["posterior"]
        names = ("decay", "half", "effect", "coefficients", "sigma")
        found = {name: posterior[name].to_numpy() for name in names}
        chains = posterior.sizes["chain"]
        return found | {"brought": brought.reshape(chains, -1, brought.shape[1])}

    def roas(self, fitted: Any) -> Any:
        """Take a window's activity away."""
        from pymc_vibes.stats.media_effects import Window, returns

        _, draws, acted, media, _ = fitted
        start, stop = self.asked["window"]
        window = Window(activity=acted, start=start, stop=stop)
        return returns(draws, window, media[start:stop].sum(0))

    def plan(self, fitted: Any) -> list[float]:
        """Plan on all draws."""
        import numpy as np

        from pymc_vibes.stats.media_budget import around, plan_budget, usual
        from pymc_vibes.stats.media_goals import FixedTotal
        from pymc_vibes.stats.media_outlook import look_ahead
        from pymc_vibes.stats.media_response import MediaResponse

        _, draws, _, media, _ = fitted
        outlook = look_ahead(
            MediaResponse.of(draws),
            history=media / draws.scale,
            pattern=np.full((WEEKS_AHEAD, media.shape[1]), 1 / WEEKS_AHEAD),
            activity_per_money=1 / draws.scale,
        )
        current = usual(media, periods=WEEKS_AHEAD)
        goal, limits = FixedTotal(float(current.sum())), around(current, swing=SWING)
        budget: list[float] = plan_budget(outlook, goal, limits, current=current).budget.tolist()
        return budget


class Peer:
    """PyMC-Marketing's `MMM` by its own `fit`; `same` takes our priors but for coefficients."""

    def __init__(self, asked: dict[str, Any], priors: str) -> None:
        """Import what is needed."""
        self.asked, self.is_same = asked, priors == SAME
        self.np, self.pd, self.xr = map(import_module, ("numpy", "pandas", "xarray"))
        self.mix = import_module("pymc_marketing.mmm")
        self.prior = import_module("pymc_extras.prior").Prior
        self.one = import_module("pymc_marketing.mmm.mmm").MMM

    def fit(self, brand: dict[str, Any], seed: int) -> Any:
        """Build, sample by `fit`, and sum up the contributions that it stores."""
        media, columns = (self.np.array(brand[name]) for name in ("media", "columns"))
        channels = [f"m{c}" for c in range(media.shape[1])]
        controls = [f"c{c}" for c in range(columns.shape[1])]
        both = self.np.column_stack([media, columns])
        frame = self.pd.DataFrame(both, columns=channels + controls)
        frame["date"] = self.pd.to_datetime(brand["days"])
        model = self.one(
            date_column="date",
            target_column="y",
            channel_columns=channels,
            control_columns=controls,
            adstock=self.mix.GeometricAdstock(l_max=LAGS + 1),
            yearly_seasonality=2,
            **(self._same() if self.is_same else {"saturation": self.mix.LogisticSaturation()}),
        )
        told = {"draws": self.asked["draws"], "tune": self.asked["tune"], "chains": 4}
        sales = self.pd.Series(brand["sales"], name="y")
        model.fit(frame, sales, random_seed=seed, progressbar=False, **told)
        scale = float(model.get_scales_as_xarray()["target_scale"])
        each = model.posterior["channel_contribution"].transpose("chain", "draw", "date", "channel")
        return model, media, scale * each.sum("date").to_numpy()

    def _same(self) -> dict[str, Any]:
        """Give what both can say: sales in units of their mean, and our priors."""
        prior = self.prior
        sigma, coefficient = prior("HalfNormal", sigma=0.3), prior("HalfNormal", sigma=0.5)
        noise = {"sigma": sigma, "dims": "date"}
        if self.asked["noise"] == "student":
            noise["nu"] = prior("Exponential", lam=0.1)
        bend = {
            "lam": prior("Gamma", alpha=3, beta=1, dims="channel"),
            "beta": prior("HalfNormal", sigma=coefficient, dims="channel"),
        }
        return {
            "saturation": self.mix.LogisticSaturation(priors=bend),
            "scaling": {
                "target": {"method": "mean", "dims": ()},
                "channel": {"method": "max", "dims": ()},
            },
            "model_config": {
                "intercept": prior("Normal", mu=1, sigma=0.5),
                "gamma_control": prior("Normal", mu=0, sigma=0.3, dims="control"),
                "gamma_fourier": prior("Normal", mu=0, sigma=0.3, dims="fourier_mode"),
                "likelihood": prior("StudentT" if "nu" in noise else "Normal", **noise),
            },
        }

    def draws(self, fitted: Any) -> dict[str, Any]:
        """Read the chains."""
        media = ("adstock_alpha", "saturation_lam", "saturation_beta")
        rest = ("gamma_control", "gamma_fourier", "intercept_contribution", "y_sigma")
        posterior = fitted[0].posterior
        return {name: posterior[name].to_numpy() for name in media + rest} | {"brought": fitted[2]}

    def roas(self, fitted: Any) -> Any:
        """Ask for the contribution over spend of the window."""
        model = fitted[0]
        start, stop = self.asked["window"]
        days = model.posterior["date"].to_numpy()
        found = model.incrementality.contribution_over_spend(
            "all_time", start_date=days[start], end_date=days[stop - 1]
        )
        return found.stack(sample=("chain", "draw")).transpose("sample", "channel").to_numpy()

    def plan(self, fitted: Any) -> list[float]:
        """Allocate by the optimizer for a window after the data."""
        model, media, _ = fitted
        last = self.pd.Timestamp(model.posterior["date"].to_numpy()[-1])
        ahead = [str((last + self.pd.Timedelta(weeks=n)).date()) for n in (1, WEEKS_AHEAD)]
        current = media[-WEEKS_AHEAD:].mean(axis=0)  # it plans money by week
        bounds = self.xr.DataArray(
            self.np.column_stack([(1 - SWING) * current, (1 + SWING) * current]),
            dims=("channel", "bound"),
            coords={"channel": model.channel_columns, "bound": ["lower", "upper"]},
        )
        optimizer = model.budget_optimizer(*ahead)
        found = optimizer.allocate_budget(float(current.sum()), budget_bounds=bounds)
        spent: list[float] = (found.budgets.to_numpy() * WEEKS_AHEAD).tolist()
        return spent


WAYS: dict[str, Callable[[dict[str, Any]], Way]] = {
    "ours": lambda asked: Ours(asked, DEFAULT),
    "ours-same": lambda asked: Ours(asked, SAME),
    "peer": lambda asked: Peer(asked, DEFAULT),
    "peer-same": lambda asked: Peer(asked, SAME),
}


def run(way: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Fit every brand in turn, ask what comes after, and say how long all of it took."""
    begin = time.perf_counter()
    chosen = WAYS[way](asked)
    imported = time.perf_counter() - begin
    fits, last = [], None
    for seed, brand in enumerate(asked["brands"], start=1):
        begin, busy = time.perf_counter(), processor()
        last = chosen.fit(brand, seed)
        took, busy = time.perf_counter() - begin, processor() - busy
        fits.append(asdict(_fitted(chosen.draws(last), took, busy)))
    return {"imported": imported, "fits": fits, "after": _after(chosen, last)}


def _fitted(draws: dict[str, Any], took: float, busy: float) -> Fitted:
    import numpy as np

    ess, r_hat = zip(*(_chains(one) for one in draws.values()), strict=True)
    brought = draws["brought"].reshape(-1, draws["brought"].shape[-1])
    low, high = np.quantile(brought, [0.05, 0.95], axis=0)
    return Fitted(
        took=took,
        processor=busy,
        ess=min(ess),
        ess_brought=_chains(draws["brought"])[0],
        r_hat=max(r_hat),
        mean=brought.mean(0).tolist(),
        low=low.tolist(),
        high=high.tolist(),
    )


def _chains(array: Any) -> tuple[float, float]:
    """Give the smallest bulk effective size and the largest R-hat of `(chains, draws, ...)`."""
    import numpy as np

    xr, statistics = import_module("xarray"), import_module("arviz_stats")
    dims = ["chain", "draw", *(f"d{axis}" for axis in range(array.ndim - 2))]
    told = xr.DataArray(np.asarray(array), dims=dims)
    return float(statistics.ess(told).min()), float(statistics.rhat(told).max())


def _after(way: Way, fitted: Any) -> dict[str, Any]:
    """Ask for returns and a budget, twice each: first answers may compile."""
    found: dict[str, Any] = {}
    for name, work in (("roas", way.roas), ("plan", way.plan)):
        took = []
        for _ in range(2):
            begin = time.perf_counter()
            answer = work(fitted)
            took.append(time.perf_counter() - begin)
        found |= {f"{name}_took": took, name: answer}
    found["roas"] = found["roas"].mean(axis=0).tolist()
    return found


def processor() -> float:
    """Give seconds of processor time of this process and of its children, living or gone."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + _living(os.getpid())


def _living(parent: int) -> float:
    """Sum up what children have used so far, theirs included."""
    tick, total = os.sysconf("SC_CLK_TCK"), 0.0
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in listed.read_text(encoding="ascii").split():
            told = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            total += sum(map(int, told.split()[11:15])) / tick + _living(int(child))
    return total


def main() -> int:
    """Read what is asked, and write what was found."""
    way, asked, answer = sys.argv[1:]
    warnings.simplefilter("ignore")
    told = json.loads(Path(asked).read_text(encoding="utf-8"))
    Path(answer).write_text(json.dumps(run(way, told)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
