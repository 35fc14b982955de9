"""The experiment kinds, and `catalog()`, the only registry of them.

Each module of this package holds one `kind`; third-party kinds arrive as the same value through the
entry-point group `pymc_vibes.kinds`. Nothing else lists them.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.config import Config
from pymc_vibes.core.errors import KindNotFound
from pymc_vibes.core.kind import Kind

if TYPE_CHECKING:
    import pyarrow as pa
    import pymc as pm


@cache
def catalog() -> Mapping[str, Kind[Any]]:
    """Map slug to kind, sorted by slug; a missing or duplicate one is an error with its source."""
    found: dict[str, tuple[str, Kind[Any]]] = {}
    for source, candidate in (*_own(), *_plugins()):
        if not isinstance(candidate, Kind):
            raise TypeError(f"{source} must hold a Kind under the name 'kind', has {candidate!r}")
        if candidate.slug in found:
            raise ValueError(
                f"{source} and {found[candidate.slug][0]} both define {candidate.slug!r}"
            )
        found[candidate.slug] = (source, candidate)
    return MappingProxyType({slug: found[slug][1] for slug in sorted(found)})


def find_kind(slug: str) -> Kind[Any]:
    """Give the kind of that slug, or raise `KindNotFound` listing those there are."""
    if slug not in catalog():
        known = ", ".join(catalog())
        raise KindNotFound(f"There is no kind {slug[:80]!r}.", hint=f"The kinds are: {known}.")
    return catalog()[slug]


def build_model(cells: "pa.Table", config: Config) -> "pm.Model":
    """Build the PyMC model of cells, of the kind whose settings `config` are.

    Cells are what events were reduced to. `found = lake.rebuilt(run_id)` has both of an answer:
    `found.posterior.cells` and `found.config`.

    Raises `KindNotFound` where no kind has such settings, or that kind is never sampled.
    """
    for kind in catalog().values():
        if kind.build_model is not None and type(config) is kind.config:
            model: pm.Model = kind.build_model(cells, config)
            return model
    known = ", ".join(slug for slug, kind in catalog().items() if kind.build_model is not None)
    raise KindNotFound(
        f"There is no model of the settings {type(config).__name__}.",
        hint=f"The kinds with a model are: {known}.",
    )


def _own() -> list[tuple[str, Any]]:
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    whole = [f"{__name__}.{name}" for name in names]
    return [(name, getattr(importlib.import_module(name), "kind", None)) for name in whole]


def _plugins() -> list[tuple[str, Any]]:
    return [
        (f"entry point {e.name} ({e.value})", e.load())
        for e in entry_points(group="pymc_vibes.kinds")
    ]
