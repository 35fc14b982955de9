"""Files are told apart when they come at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pyarrow.parquet as pq

from pymc_vibes.settings import Settings
from pymc_vibes.store.duck import open_reader
from pymc_vibes.store.readers import open_upload

THREADS, ROUNDS = 4, 60


def test_files_that_come_at_once_keep_their_own_columns(tmp_path: Path) -> None:
    engine = open_reader(Settings(home=tmp_path))
    begin = Barrier(THREADS)
    wanted = {f"{n}.parquet": tuple(f"c{n}_{i}" for i in range(n + 1)) for n in range(THREADS)}
    for name, headers in wanted.items():
        pq.write_table(
            pa.table({header: [1] * len(headers) for header in headers}), tmp_path / name
        )

    def read(name: str) -> set[tuple[str, ...]]:
        begin.wait()
        return {open_upload(tmp_path / name, None, name, engine).headers for _ in range(ROUNDS)}

    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(zip(wanted, pool.map(read, wanted), strict=True))
    engine.close()

    assert found == {name: {headers} for name, headers in wanted.items()}
