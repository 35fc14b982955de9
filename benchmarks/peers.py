"""Samplers as a person would call them, each in a fresh process: `python -m benchmarks.peers ...`.

Prints one line of JSON: seconds of import, of the first fit and of a second one on the same model,
the smallest bulk ESS, and the file that holds mean and Monte Carlo error of every rate.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.worlds import CHAINS, DRAWS, TUNE, cohorts, entities, entities_model, rates_model

RATES, ENTITIES = "rates", "entities"
VARIABLE = {RATES: "rate", ENTITIES: "theta"}


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What a peer needed, and what it found."""

    start: float
    """Seconds of the imports."""
    first: float
    """Seconds of the first fit, compilation included."""
    again: float
    """Seconds of a fit of the same model in the same process."""
    ess: float
    """Smallest bulk effective sample size of all that is sampled."""
    mean: np.ndarray
    sd: np.ndarray
    error: np.ndarray
    """Posterior mean and sd of each rate, and the Monte Carlo standard error of the mean."""

    def furthest(self, mean: np.ndarray) -> float:
        """Give the largest distance of other means from these, in Monte Carlo standard errors."""
        return float(np.max(np.abs(mean - self.mean) / self.error))


def fit(way: str, model: str, size: int, windows: int = 0, *, cold: bool = False) -> Fitted:
    """Let a peer fit in a process of its own; `cold` with caches that are empty."""
    with tempfile.TemporaryDirectory() as folder:
        caches = {"PYTENSOR_FLAGS": f"base_compiledir={folder}", "NUMBA_CACHE_DIR": folder}
        found = Path(folder) / "found.npz"
        command = [sys.executable, "-m", "benchmarks.peers", way, model, str(size), str(windows)]
        done = subprocess.run(  # noqa: S603  # our own interpreter
            [*command, str(found)],
            check=True,
            capture_output=True,
            text=True,
            env=_environment() | (caches if cold else {}),
        )
        took = json.loads(done.stdout.splitlines()[-1])
        return Fitted(**took, **dict(np.load(found)))


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def _plain_nutpie(model: Any) -> Callable[[], Any]:
    import nutpie

    compiled = nutpie.compile_pymc_model(model)
    return lambda: nutpie.sample(
        compiled,
        draws=DRAWS,
        tune=TUNE,
        chains=CHAINS,
        cores=CHAINS,
        seed=1,
        progress_bar=False,
        target_accept=0.9,
    )


def _pymc_default(model: Any) -> Callable[[], Any]:
    import pymc as pm

    def sample() -> Any:
        with model:
            return pm.sample(
                draws=DRAWS,
                tune=TUNE,
                chains=CHAINS,
                cores=CHAINS,
                random_seed=1,
                progressbar=False,
                target_accept=0.9,
            )

    return sample


WAYS = {"nutpie": _plain_nutpie, "pymc": _pymc_default}


def main() -> int:
    """Fit twice and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("model", choices=VARIABLE)
    parser.add_argument("size", type=int)
    parser.add_argument("windows", type=int)
    parser.add_argument("found", type=Path)
    asked = parser.parse_args()
    begin = time.perf_counter()
    import arviz_stats
    import nutpie  # noqa: F401  # both ways load it: it is the default sampler of PyMC
    import pymc  # noqa: F401

    imported = time.perf_counter()
    if asked.model == RATES:
        model = rates_model(cohorts(asked.size))
    else:
        model = entities_model(entities(asked.size, asked.windows))
    sample = WAYS[asked.way](model)
    tree = sample()
    fitted = time.perf_counter()
    sample()
    again = time.perf_counter()
    draws = tree.posterior[VARIABLE[asked.model]]
    statistics: Any = arviz_stats  # it exports by name, without types
    ess = statistics.ess(draws).to_numpy()
    sd = draws.std(("chain", "draw")).to_numpy()
    mean = draws.mean(("chain", "draw")).to_numpy()
    np.savez(asked.found, mean=mean, sd=sd, error=sd / np.sqrt(ess))
    took = {"start": imported - begin, "first": fitted - imported, "again": again - fitted}
    others = (float(statistics.ess(array).min()) for array in tree.posterior.data_vars.values())
    print(json.dumps(took | {"ess": min(others)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
