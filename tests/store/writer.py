"""A process that appends batches to the lake and says so after each; the tests kill it."""

import sys
from pathlib import Path

from pymc_vibes.settings import Settings
from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import NAME, put


def main(folder: str, who: str, count: int, rows: int) -> None:
    """Append `count` batches of `rows` rows, naming each before and after."""
    scratch = Path(folder)
    scratch.mkdir(parents=True, exist_ok=True)
    with Lake.open(Settings()) as lake:
        for number in range(count):
            batch = f"{who}-{number}"
            lines = "".join(f"2026-01-01,{who},{batch},1\n" for _ in range(rows))
            put(lake, scratch, "ts,cohort,event,count\n" + lines, name=NAME)
            print(batch, flush=True)  # noqa: T201  # the acknowledgement that the test reads


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
