"""What runs leave behind as files, so that a result outlives the lake.

Cells are named by their content. Posteriors that were sampled are named by the key of their answer;
others are not kept, because their cells give them again, to the last digit.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pymc_vibes.core.errors import RunNotFound
from pymc_vibes.settings import Settings, is_address
from pymc_vibes.store.files import Files, open_files

if TYPE_CHECKING:
    import pyarrow as pa
    import xarray as xr

AGAIN = "Analyze the experiment again; `vibes analyze NAME` makes a new run."


class Artifacts:
    """Cells (Parquet) and posteriors (NetCDF), in a folder or an object store."""

    def __init__(self, files: Files) -> None:
        self._files = files

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open those of the settings."""
        return cls(open_files(settings.artifacts_place, settings))

    def put_cells(self, cells_hash: str, cells: "pa.Table") -> None:
        """Keep the cells under their hash; equal cells are kept once."""
        import pyarrow.parquet as pq

        if not self.has(cells_hash):
            self._files.put(_cells(cells_hash), lambda path: pq.write_table(cells, path))

    def has(self, cells_hash: str) -> bool:
        """Whether the cells of that hash are there."""
        return self._files.has(_cells(cells_hash))

    def cells(self, cells_hash: str) -> "pa.Table":
        """Give the cells of that hash, or raise `RunNotFound` where they were deleted."""
        import pyarrow.parquet as pq

        try:
            with self._files.opened(_cells(cells_hash)) as path:
                return pq.read_table(path)
        except FileNotFoundError as error:
            raise RunNotFound("The cells of this run are no longer there.", hint=AGAIN) from error

    def put_posterior(self, key: str, tree: "xr.DataTree") -> None:
        """Keep the draws of the answer of that key."""
        self._files.put(_posterior(key), tree.to_netcdf)

    def has_posterior(self, key: str) -> bool:
        """Whether the draws of the answer of that key are there."""
        return self._files.has(_posterior(key))

    def posterior(self, key: str) -> "xr.DataTree":
        """Give the draws of the answer of that key, or raise `RunNotFound` if they were deleted."""
        import xarray as xr

        try:
            with self._files.opened(_posterior(key)) as path, xr.open_datatree(path) as opened:
                return opened.load()
        except FileNotFoundError as error:
            raise RunNotFound(
                "The draws of this run are no longer there. Its answer stays.", hint=AGAIN
            ) from error


def prepare_artifacts(settings: Settings) -> tuple[str, ...]:
    """Make the place of what runs leave behind, and say in words what was done."""
    from pymc_vibes.store.provision import provide_bucket

    place = settings.artifacts_place
    if is_address(place):
        return (f"artifacts: {provide_bucket(settings, place)}",)
    existed = Path(place).exists()
    Path(place).mkdir(parents=True, exist_ok=True)
    return (f"artifacts: {place}: {'already there' if existed else 'made'}",)


def _cells(cells_hash: str) -> str:
    return f"cells/{cells_hash}.parquet"


def _posterior(key: str) -> str:
    return f"posteriors/{key}.nc"
