"""Bayesian experimentation and causal analytics: events in, honest answers out.

import pymc_vibes as pv

with pv.connect() as lake:
lake.create("checkout", "ab-test")
lake.upload("checkout", Path("events.csv"))
answer = lake.analyze("checkout")
print(answer.summary.headline)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from pymc_vibes.core.answer import Answer, QueryAnswer, Summary
    from pymc_vibes.core.errors import VibesError
    from pymc_vibes.core.experiment import UploadOptions
    from pymc_vibes.core.figure import Figure
    from pymc_vibes.core.kind import Kind
    from pymc_vibes.kinds import build_model, catalog
    from pymc_vibes.service import Service

__all__ = [
    "Answer",
    "Figure",
    "Kind",
    "QueryAnswer",
    "Summary",
    "UploadOptions",
    "VibesError",
    "build_model",
    "catalog",
    "connect",
]


# found on first use: `vibes --version` imports this package and must not wait for the rest
_HOMES = {
    "Answer": "core.answer",
    "Figure": "core.figure",
    "Kind": "core.kind",
    "QueryAnswer": "core.answer",
    "Summary": "core.answer",
    "UploadOptions": "core.experiment",
    "VibesError": "core.errors",
    "build_model": "kinds",
    "catalog": "kinds",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def connect(home: "Path | str | None" = None) -> "Service":
    """Open the lake under `home` (default: the settings').

    Close it with `close()`, or use it in `with`. In a notebook, answers and figures are then shown
    as cards and pictures.
    """
    import sys
    from pathlib import Path

    from pymc_vibes.service import Service
    from pymc_vibes.settings import load_settings

    service = Service.open(load_settings() if home is None else load_settings(home=Path(home)))
    if "IPython" in sys.modules:
        from pymc_vibes.notebook import teach

        teach(sys.modules["IPython"].get_ipython())
    return service
