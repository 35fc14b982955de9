"""A process whose files may not grow beyond a size, as on a disk that is full.

`python -m tests.faults.full_disk BYTES` uploads a large file, and prints the problem that came of
it as JSON, or nothing.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.service import Service
from pymc_vibes.settings import load_settings

ROWS = 200_000


def upload(service: Service) -> None:
    """Upload more than fits."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows = "".join(f"group-{row},{row % 2}\n" for row in range(ROWS))
        file.write_text(f"group,outcome\n{rows}")
        _limit()
        service.upload("coin", file, UploadOptions(format="csv"))


def _limit() -> None:
    size = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    try:
        upload(Service.open(load_settings()))
    except VibesError as error:
        sys.stdout.write(json.dumps(error.problem()))
