"""A disk that is full: the problem is told, nothing half is left, and nothing must be mended."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pymc_vibes.core.errors import StoreUnavailable
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.store.files import Folder
from tests.sampled.registered import TOSSES
from tests.worker.office import Office

BYTES = 300_000


def test_an_upload_that_does_not_fit_is_refused_whole(office: Office, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.full_disk", str(BYTES)]
    said = subprocess.run(
        command, env=dict(office.environment), stdout=subprocess.PIPE, check=True
    ).stdout
    rows = office.service.experiment("coin").rows
    more = tmp_path / "more.csv"
    more.write_text(TOSSES)
    office.service.upload("coin", more, UploadOptions(format="csv"))
    left = [path for path in (tmp_path / "home" / "staging").rglob("*") if path.is_file()]

    assert "space left on the disk" in json.loads(said)["hint"]
    assert office.service.experiment("coin").rows == rows + 40
    assert left == []


def test_what_cannot_be_kept_whole_is_not_kept(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    request.addfinalizer(lambda: signal.signal(signal.SIGXFSZ, handler))
    folder = Folder(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        folder.put("draws.nc", lambda path: path.write_bytes(bytes(1000)))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    after_failing = list(tmp_path.rglob("*.*"))
    folder.put("draws.nc", lambda path: path.write_bytes(bytes(1000)))

    assert after_failing == []
    assert (tmp_path / "draws.nc").stat().st_size == 1000
