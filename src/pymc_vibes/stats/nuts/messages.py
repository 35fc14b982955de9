"""What a sampler child and its parent say to each other.

Both ends are this program, so the records travel pickled; nothing from outside ever does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.nuts.model import SamplerSettings

    type Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Job:
    """Sample, and compile first if nothing is compiled yet."""

    builder: str
    options: Mapping[str, Any]
    data: "Arrays"
    settings: "SamplerSettings"
    path: tuple[str, ...]
    """Where the parent finds modules, so that the child finds the same builder."""


@dataclass(frozen=True)
class Cancel:
    """Stop the job; the child answers `Cancelled`, or `Done` where that came first."""


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """The structure is compiled; sampling begins."""

    seconds: float | None
    """None where it was compiled before."""


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How far the chains are."""

    finished: tuple[int, ...]
    """Steps of each chain, adaptation included."""
    divergences: int
    """After adaptation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Done:
    """The chains, with the convergence of every parameter."""

    posterior: "Arrays"
    dims: Mapping[str, tuple[str, ...]]
    derived: tuple[str, ...]
    """Variables that are functions of others: a constant among them is no failure."""
    stats: "Arrays"
    measures: Mapping[str, "tuple[np.ndarray, np.ndarray, np.ndarray]"]
    """R-hat, bulk ESS and tail ESS by variable, each of the variable's own shape."""
    seconds: float
    compile_seconds: float | None
    library: str


@dataclass(frozen=True)
class Cancelled:
    """The job is stopped, and the child is ready for another one."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The job failed in this stage; the child is ready for another one unless it was `compile`."""

    stage: Literal["compile", "sample"]
    reason: str
    trace: str


type Request = Job | Cancel
type Reply = Compiled | Advance | Done | Cancelled | Failed
