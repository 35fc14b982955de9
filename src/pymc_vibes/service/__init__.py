"""The use cases, composed once."""

from pymc_vibes.service.compute import Analysis
from pymc_vibes.service.service import Service

__all__ = ["Analysis", "Service"]
