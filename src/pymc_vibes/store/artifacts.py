"""What runs leave behind as files: their cells, named by content; a result outlives the lake.

Files are written whole under another name and then moved, so that a reader never sees half of one.
"""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import RunNotFound

if TYPE_CHECKING:
    import pyarrow as pa


class Artifacts:
    """A folder of cells, one Parquet file per content hash."""

    def __init__(self, folder: Path) -> None:
        self._cells = folder / "cells"

    def put_cells(self, cells_hash: str, cells: "pa.Table") -> None:
        """Keep the cells under their hash; equal cells are kept once."""
        import pyarrow.parquet as pq

        target = self._cells / f"{cells_hash}.parquet"
        if target.exists():
            return
        self._cells.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._cells, suffix=".tmp")
        os.close(handle)
        pq.write_table(cells, name)
        Path(name).replace(target)

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
