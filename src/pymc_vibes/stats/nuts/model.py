"""What is sampled, how, and what comes back."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from pymc_vibes.core.errors import BadRows

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

    from pymc_vibes.core.answer import Diagnostics

LEAST_DRAWS = 50
"""Of each chain, whatever is asked for."""
_SHOWN = 5  # bad values named in an error


@dataclass(frozen=True, eq=False)
class Model:
    """A model to sample: who builds it, with which options, on which data.

    `builder` is `"package.module:function"`, importable in a fresh process. It is called as
    `function(data, **options)` and returns a `pm.Model` that holds each array of `data` as
    `pm.Data` of the same name. It names the dimensions of what is sampled, with numbers as
    coordinates; `coords` gives their labels, which never reach the model.

    Builder, options, array types and the lengths of `coords` are the *structure*: it is compiled
    once. Every length that fixes how many numbers are sampled or derived therefore belongs into
    `coords`; all other lengths may change from fit to fit.
    """

    builder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, "np.ndarray"] = field(default_factory=dict)
    coords: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def structure(self) -> str:
        """Name what has to be compiled anew; data values are no part of it."""
        parts = [
            self.builder,
            dict(self.options),
            sorted((name, array.dtype.str, array.ndim) for name, array in self.data.items()),
            sorted((dim, len(labels)) for dim, labels in self.coords.items()),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def build(self) -> "pm.Model":
        """Build it in this process, to look at: children build theirs by themselves."""
        module, _, function = self.builder.partition(":")
        built: pm.Model = getattr(import_module(module), function)(self.data, **self.options)
        return built

    def check(self) -> None:
        """Raise `BadRows` where the data hold what is no number."""
        for name, array in self.data.items():
            bad = np.argwhere(~np.isfinite(array)) if array.dtype.kind == "f" else ()
            if len(bad):
                raise _not_finite(name, array, np.asarray(bad))


def _not_finite(name: str, array: "np.ndarray", bad: "np.ndarray") -> BadRows:
    rows = [
        {
            "line": int(where[0]) + 1 if len(where) else 1,
            "column": name,
            "value": str(array[tuple(where)]),
            "reason": "is not a finite number",
        }
        for where in bad[:_SHOWN]
    ]
    return BadRows(
        f"{len(bad):,} of {array.size:,} values of {name} are not finite numbers.",
        hint="Remove the rows that hold them, or correct them.",
        rows=rows,
        bad=len(bad),
        total=int(array.size),
    )


class Told(Protocol):
    """Settings of a kind that samples."""

    @property
    def draws(self) -> int:
        """Draws after adaptation, of all chains together."""
        ...

    @property
    def tune(self) -> int:
        """Steps of adaptation of each chain."""
        ...

    @property
    def chains(self) -> int:
        """Number of chains."""
        ...

    @property
    def target_accept(self) -> float:
        """Acceptance rate that the step size aims at."""
        ...

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        ...


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """What the sampler is told."""

    draws: int = 1000
    """Of each chain, after adaptation."""
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    seed: int = 42
    max_treedepth: int = 10

    @classmethod
    def sharing(cls, told: Told, *, least: int = LEAST_DRAWS) -> Self:
        """Give each chain its share of the draws that settings ask for, and at least so many."""
        return cls(
            draws=max(ceil(told.draws / told.chains), least),
            tune=told.tune,
            chains=told.chains,
            target_accept=told.target_accept,
            seed=told.seed,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampled:
    """What the sampler gives: its chains, and whether they can be trusted."""

    tree: "xr.DataTree"
    """Groups `posterior` (chain, draw, dims) and `sample_stats`."""
    diagnostics: "Diagnostics"
