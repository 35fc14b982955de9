"""What runs leave behind as files, so that a result outlives the lake.

Cells are named by their content. Posteriors that were sampled are named by the key of their answer;
others are not kept, because their cells give them again, to the last digit.

Files are written whole under another name and then moved, so that a reader never sees half of one.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import RunNotFound

if TYPE_CHECKING:
    import pyarrow as pa
    import xarray as xr


class Artifacts:
    """A folder of cells (Parquet) and one of posteriors (NetCDF)."""

    def __init__(self, folder: Path) -> None:
        self._cells = folder / "cells"
        self._posteriors = folder / "posteriors"

    def put_cells(self, cells_hash: str, cells: "pa.Table") -> None:
        """Keep the cells under their hash; equal cells are kept once."""
        import pyarrow.parquet as pq

        target = self._cells / f"{cells_hash}.parquet"
        if target.exists():
            return
        _write(target, lambda path: pq.write_table(cells, path))

    def has(self, cells_hash: str) -> bool:
        """Whether the cells of that hash are there."""
        return (self._cells / f"{cells_hash}.parquet").exists()

    def cells(self, cells_hash: str) -> "pa.Table":
        """Give the cells of that hash, or raise `RunNotFound` where they were deleted."""
        import pyarrow.parquet as pq

        path = self._cells / f"{cells_hash}.parquet"
        if not path.exists():
            raise RunNotFound(
                "The cells of this run are no longer there.",
                hint="Analyze the experiment again; `vibes analyze NAME` makes a new run.",
            )
        return pq.read_table(path)

    def put_posterior(self, key: str, tree: "xr.DataTree") -> None:
        """Keep the draws of the answer of that key."""
        _write(self._posteriors / f"{key}.nc", tree.to_netcdf)

    def has_posterior(self, key: str) -> bool:
        """Whether the draws of the answer of that key are there."""
        return (self._posteriors / f"{key}.nc").exists()

    def posterior(self, key: str) -> "xr.DataTree":
        """Give the draws of the answer of that key, or raise `RunNotFound` if they were deleted."""
        import xarray as xr

        path = self._posteriors / f"{key}.nc"
        if not path.exists():
            raise RunNotFound(
                "The draws of this run are no longer there. Its answer stays.",
                hint="Analyze the experiment again; `vibes analyze NAME` makes a new run.",
            )
        with xr.open_datatree(path) as opened:
            return opened.load()


def _write(target: Path, write: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    os.close(handle)
    try:
        write(Path(name))
    except BaseException:
        Path(name).unlink()
        raise
    Path(name).replace(target)
