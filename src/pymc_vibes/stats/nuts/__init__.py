"""PyMC models sampled by NUTS, in children that keep them compiled.

A compiled model cannot be pickled and costs ten times its sampling, so each model structure lives
in a process of its own: compiled once, rebound to new data, killable, bounded in number. This
process never imports PyMC.

    sample ──► ladder ──► job ──► pool ──► process ═══ child ──► engine (PyMC, nutpie)
"""

from pymc_vibes.stats.nuts.model import Model, Sampled, SamplerSettings
from pymc_vibes.stats.nuts.pool import configure, shutdown
from pymc_vibes.stats.nuts.sampling import sample

__all__ = ["Model", "Sampled", "SamplerSettings", "configure", "sample", "shutdown"]
