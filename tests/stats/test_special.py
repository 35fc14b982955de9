"""Small pieces of linear algebra."""

import numpy as np
import pytest

from pymc_vibes.stats.special import alone


@pytest.mark.parametrize("count", [0, 1, 700, 20_000])
@pytest.mark.parametrize(("width", "columns"), [(3, 5), (0, 4), (4, 0), (0, 0)])
def test_products_in_blocks_are_products_whatever_is_empty(
    count: int, width: int, columns: int
) -> None:
    rng = np.random.default_rng(0)
    rows, weights = rng.standard_normal((count, width)), rng.standard_normal((width, columns))

    found = alone(rows, weights)

    np.testing.assert_allclose(found, rows @ weights, rtol=1e-12, atol=1e-15)
