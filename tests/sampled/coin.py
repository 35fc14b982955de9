"""A kind that must sample: a small one, so that what surrounds it can be tested.

The environment may name a file to wait for (`COIN_GATE`), so that a test decides how long it takes.
"""

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.answer import (
    Attempt,
    Claim,
    Decision,
    Diagnostics,
    Estimate,
    Interval,
    QueryAnswer,
    Summary,
)
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import InferenceFailed, RunCancelled
from pymc_vibes.core.kind import Kind, PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds import bernoulli
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.core.run import Watch

STEPS = 40
CHAINS, DRAWS = 4, 500
WHY = "The test says so."
REASON = "R-hat of theta is 1.40, above 1.01"


class CoinConfig(ProportionConfig):
    """Settings of the coin."""

    ends: Literal["well", "doubtful", "broken", "fatal"] = setting("well", "How the sampler ends.")


class Nothing(Parameters):
    """No parameters."""


def fit(cells: "pa.Table", config: CoinConfig, watch: "Watch") -> Posterior:
    """Wait for the gate, count to the end, and give draws of what is known exactly."""
    watch.sampling()
    watch.stage("sampling")
    for step in range(STEPS + 1):
        _wait(watch, step)
    if config.ends == "fatal":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.ends == "broken":
        raise InferenceFailed("The coin fell off the table.", seed=config.seed)
    return _sampled(bernoulli.kind.fit(cells, config, watch), config)


def _sampled(exact: Posterior, config: CoinConfig) -> Posterior:
    """Make chains of independent draws of the exact posterior."""
    import xarray as xr

    from pymc_vibes.stats.draws import sampled_posterior
    from pymc_vibes.stats.nuts import Sampled

    theta = exact["theta"]
    values = exact.draw(CHAINS * DRAWS, config.seed)["theta"].reshape(CHAINS, DRAWS, -1)
    chains = xr.Dataset(
        {"theta": (("chain", "draw", "group"), values)}, coords={"group": list(theta.labels)}
    )
    tree = xr.DataTree.from_dict({"posterior": chains})
    return sampled_posterior(
        Sampled(tree=tree, diagnostics=_diagnostics(config)),
        cells=exact.cells,
        constants=exact.constants,
        units={"theta": ""},
    )


def _wait(watch: "Watch", step: int) -> None:
    """Say how far it is; half-way until the gate is there or nobody wants it any more."""
    gate = os.environ.get("COIN_GATE")
    chains = {f"chain_{n}": (step + CHAINS - n) // CHAINS for n in range(1, CHAINS + 1)}
    watch.progress(step, STEPS, divergences=step // 10, **chains)
    while step == STEPS // 2 and gate and not Path(gate).exists() and not watch.cancelled:
        watch.progress(step, STEPS, divergences=step // 10, **chains)
        threading.Event().wait(0.01)
    if watch.cancelled:
        raise RunCancelled("The coin was caught in the air.")


def _diagnostics(config: CoinConfig) -> Diagnostics:
    tried = Attempt(
        settings={"target_accept": 0.9, "tune": 500, "draws": 500, "chains": 4, "seed": 1},
        verdict="problem",
        reasons=(REASON,),
        r_hat_max=1.4,
        divergences=3,
        seconds=1.5,
    )
    again = tried.model_copy(update={"verdict": "good", "reasons": (), "r_hat_max": 1.001})
    if config.ends == "doubtful":
        return Diagnostics(
            method="nuts",
            verdict="problem",
            reasons=(REASON,),
            why=WHY,
            r_hat_max=1.4,
            divergences=3,
            attempts=(tried, tried),
        )
    return Diagnostics(
        method="nuts", why=WHY, r_hat_max=1.001, divergences=0, attempts=(tried, again)
    )


def summarize(posterior: Posterior, _config: CoinConfig) -> Summary:
    """Say the rate of the first group, and that it should be tossed again."""
    return Summary(
        headline="The coin falls on heads now and then.",
        decision=Decision(action="toss again", tone="undecided", reason="A coin is a coin"),
        estimates=(_estimate(posterior),),
        claims=(Claim(text="Heads are likelier than tails.", probability=0.6),),
    )


def _estimate(posterior: Posterior) -> Estimate:
    theta = posterior["theta"]
    own = theta.distribution
    low, high = float(own.quantile(0.025)[0]), float(own.quantile(0.975)[0])
    return Estimate(
        name="theta",
        label=theta.labels[0],
        mean=float(own.mean()[0]),
        sd=float(own.sd()[0]),
        interval=Interval(low=low, high=high, prob=0.95, kind="eti"),
    )


def figures(_posterior: Posterior, _config: CoinConfig) -> tuple[Any, ...]:
    """Draw nothing."""
    return ()


def heads(posterior: Posterior, _config: CoinConfig, _asked: Nothing) -> QueryAnswer:
    """Say the rate again."""
    found = _estimate(posterior)
    return QueryAnswer(
        summary=Summary(headline="Heads, mostly.", estimates=(found,)), data={"mean": found.mean}
    )


kind = Kind[CoinConfig](
    slug="coin",
    title="Coin",
    question="How often does it fall on heads?",
    about=__doc__,
    version=1,
    schema=bernoulli.kind.schema,
    config=CoinConfig,
    example=CoinConfig(),
    truth=bernoulli.kind.truth,
    simulate=bernoulli.kind.simulate,
    reduce=bernoulli.kind.reduce,
    fit=fit,
    summarize=summarize,
    figures=figures,
    queries=(
        PosteriorQuery(
            slug="heads", title="Heads", about="The rate again.", parameters=Nothing, answer=heads
        ),
    ),
)
