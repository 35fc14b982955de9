"""PyMC and nutpie, inside a sampler child: compile once, then rebind data and sample.

Only a child imports this module's libraries. Of nutpie 0.16.11 it knows that

* `is_finished` raises `TimeoutError` while the sampler is busy, which means "no";
* values that are not used by the density are unknown to `with_data`;
* a sampler that is left running crashes the interpreter at exit, so it is always aborted.
"""

import contextlib
import importlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pymc_vibes.stats.nuts.messages import Advance, Done, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import xarray as xr

_TICK = 50  # milliseconds between two looks at the chains
STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
    "logp": "lp",
}
"""nutpie's names of what is kept, and ArviZ's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Engine:
    """A compiled structure."""

    compiled: Any
    rebindable: frozenset[str]
    derived: tuple[str, ...]
    parameters: dict[str, Any]
    """Shapes of what is sampled, as the model states them."""
    fitting: set[str]
    """Lengths of data that were seen to leave those shapes alone."""


@dataclass(kw_only=True, eq=False)
class Chains:
    """Chains that are being drawn in threads of their own."""

    sampler: Any
    tune: int
    started: float = field(default_factory=time.perf_counter)
    latest: Advance | None = None

    @property
    def over(self) -> bool:
        """Whether every chain has ended, or one has failed."""
        with contextlib.suppress(TimeoutError):
            return bool(self.sampler.is_finished)
        return False

    def abort(self) -> None:
        """Stop all chains between two draws."""
        self.sampler.cancel()

    def look(self, chains: Any) -> None:
        """Note how far nutpie says that the chains are."""
        self.latest = Advance(
            finished=tuple(int(chain.finished_draws) for chain in chains),
            divergences=sum(
                draw >= self.tune for chain in chains for draw in chain.divergent_draws
            ),
        )


def compile_structure(job: Job) -> Engine:
    """Build the model and compile its density and gradient."""
    import nutpie

    from pymc_vibes.stats.nuts.wrapping import light_wrappers

    model = _build(job)
    with light_wrappers():
        compiled = nutpie.compile_pymc_model(model, backend="numba")
    return Engine(
        compiled=compiled,
        rebindable=frozenset(variable.name for variable in compiled.shared_var_keys),
        derived=tuple(variable.name for variable in model.deterministics),
        parameters=_parameters(model),
        fitting={_lengths(job)},
    )


def fits(engine: Engine, job: Job) -> bool:
    """Tell whether a job can be sampled as compiled; data of a new length are tried on a model.

    Lengths that fix the number of parameters belong into the structure; where a builder forgot
    one, this costs a compilation and not a wrong answer.
    """
    lengths = _lengths(job)
    if lengths not in engine.fitting:
        if _parameters(_build(job)) != engine.parameters:
            return False
        engine.fitting.add(lengths)
    return True


def _build(job: Job) -> Any:
    module, _, function = job.builder.partition(":")
    build: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return build(dict(job.data), **job.options)


def _lengths(job: Job) -> str:
    return str(sorted((name, array.shape) for name, array in job.data.items()))


def _parameters(model: Any) -> dict[str, Any]:
    lengths = {dim: len(labels) for dim, labels in model.coords.items() if labels is not None}
    dims = model.named_vars_to_dims
    return {
        variable.name: (variable.type.shape, [lengths.get(d) for d in dims.get(variable.name, ())])
        for variable in [*model.free_RVs, *model.deterministics]
    }


def start(engine: Engine, job: Job) -> Chains:
    """Start the chains of a job."""
    import nutpie

    settings = job.settings
    data = {name: array for name, array in job.data.items() if name in engine.rebindable}
    chains = Chains(sampler=None, tune=settings.tune)
    chains.sampler = nutpie.sample(
        engine.compiled.with_data(**data),
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, os.cpu_count() or 1),
        seed=settings.seed,
        target_accept=settings.target_accept,
        maxdepth=settings.max_treedepth,
        save_warmup=False,
        progress_bar=False,
        blocking=False,
        progress_rate=_TICK,
        progress_callback=chains.look,
    )
    return chains


def collect(engine: Engine, chains: Chains, compile_seconds: float | None) -> Done:
    """Take the draws of chains that are over, and measure their convergence."""
    import nutpie

    tree = chains.sampler.wait()
    seconds = time.perf_counter() - chains.started
    posterior = _arrays(tree["posterior"].to_dataset())
    stats = _arrays(tree["sample_stats"].to_dataset())
    return Done(
        posterior=posterior,
        dims={
            name: tuple(str(dim) for dim in array.dims[2:])
            for name, array in tree["posterior"].data_vars.items()
        },
        derived=tuple(name for name in engine.derived if name in posterior),
        stats={ours: stats[theirs] for theirs, ours in STATS.items()},
        measures=measures(posterior),
        seconds=seconds,
        compile_seconds=compile_seconds,
        library=f"nutpie {nutpie.__version__}",
    )


def measures(
    posterior: "Mapping[str, np.ndarray]",
) -> "dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]":
    """Measure R-hat, bulk and tail ESS of every number of every variable."""
    from pymc_vibes.stats.chains import measure

    measured = {}
    for name, array in posterior.items():
        flat = measure(array.reshape(*array.shape[:2], -1).astype(float))
        r_hat, bulk, tail = (numbers.reshape(array.shape[2:]) for numbers in flat)
        measured[name] = (r_hat, bulk, tail)
    return measured


def _arrays(dataset: "xr.Dataset") -> "dict[str, np.ndarray]":
    return {str(name): array.to_numpy() for name, array in dataset.data_vars.items()}
