"""Further questions to an n-of-1 trial."""

from pymc_vibes.core.kind import Query
from pymc_vibes.kinds.n_of_1.config import NOf1Config

QUERIES: tuple[Query[NOf1Config], ...] = ()
