"""What runs leave behind is kept alike in a folder and in an object store."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr

from pymc_vibes.core.errors import NotInitialized, RunNotFound, StoreUnavailable
from pymc_vibes.settings import Settings
from pymc_vibes.store.artifacts import Artifacts
from tests.servers import Bucket, ObjectStore

CELLS = pa.table({"count": list(range(1000))})
DRAWS = xr.Dataset({"theta": (("chain", "draw"), np.arange(6.0).reshape(2, 3))})
TREE = xr.DataTree.from_dict({"posterior": DRAWS})


def in_bucket(home: Path, bucket: Bucket) -> Artifacts:
    return Artifacts.open(
        Settings(home=home, artifacts=f"s3://{bucket.bucket}/kept", **bucket.settings())
    )


@pytest.fixture(params=["folder", "bucket"])
def artifacts(tmp_path: Path, request: pytest.FixtureRequest) -> Artifacts:
    if request.param == "folder":
        return Artifacts.open(Settings(home=tmp_path))
    return in_bucket(tmp_path, request.getfixturevalue("s3"))


def test_what_is_kept_comes_back(artifacts: Artifacts) -> None:
    before = artifacts.has("hash"), artifacts.has_posterior("key")
    artifacts.put_cells("hash", CELLS)
    artifacts.put_posterior("key", TREE)

    assert before == (False, False)
    assert artifacts.has("hash")
    assert artifacts.has_posterior("key")
    assert artifacts.cells("hash").equals(CELLS)
    xr.testing.assert_identical(artifacts.posterior("key")["posterior"].to_dataset(), DRAWS)


def test_what_is_not_there_is_said(artifacts: Artifacts) -> None:
    with pytest.raises(RunNotFound, match="cells"):
        artifacts.cells("hash")
    with pytest.raises(RunNotFound, match="draws"):
        artifacts.posterior("key")


def test_many_may_keep_the_same_at_once(artifacts: Artifacts) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: artifacts.put_cells("hash", CELLS), range(8)))
        read = list(pool.map(lambda _: artifacts.cells("hash"), range(8)))

    assert all(each.equals(CELLS) for each in read)


def test_draws_that_cannot_be_written_leave_nothing(tmp_path: Path, s3: Bucket) -> None:
    unwritable = xr.Dataset({"theta": ("draw", np.array([object()], dtype=object))})

    with pytest.raises(ValueError, match="serialize"):
        in_bucket(tmp_path, s3).put_posterior(
            "key", xr.DataTree.from_dict({"posterior": unwritable})
        )

    assert s3.objects() == {}
    assert list((tmp_path / "staging").iterdir()) == []


def test_an_object_that_was_seen_is_not_asked_for_again(
    tmp_path: Path, object_store: ObjectStore
) -> None:
    artifacts = in_bucket(tmp_path, object_store.fresh_bucket())
    artifacts.put_cells("hash", CELLS)
    object_store.kill()

    assert artifacts.has("hash")


def test_an_object_that_was_deleted_is_missed_when_it_is_read(tmp_path: Path, s3: Bucket) -> None:
    artifacts = in_bucket(tmp_path, s3)
    artifacts.put_cells("hash", CELLS)
    s3.client().delete_object(Bucket=s3.bucket, Key="kept/cells/hash.parquet")

    with pytest.raises(RunNotFound):
        artifacts.cells("hash")
    assert not artifacts.has("hash")


def test_a_bucket_that_is_missing_leads_to_db_init(
    tmp_path: Path, shared_store: ObjectStore
) -> None:
    artifacts = in_bucket(tmp_path, shared_store.bucket("absent-one"))

    with pytest.raises(NotInitialized) as refusal:
        artifacts.put_cells("hash", CELLS)
    assert "vibes db init" in (refusal.value.hint or "")


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["away", "hanging"])
def test_a_store_that_fails_is_told_soon_and_used_again_once_it_is_back(
    tmp_path: Path, object_store: ObjectStore, fault: signal.Signals
) -> None:
    artifacts = in_bucket(tmp_path, object_store.fresh_bucket())
    artifacts.put_cells("kept", CELLS)
    if fault == signal.SIGKILL:
        object_store.kill()
    else:
        object_store.hold.suspend()
    found = []
    for ask in (
        lambda: artifacts.has("other"),
        lambda: artifacts.cells("kept"),
        lambda: artifacts.put_posterior("key", TREE),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        found.append(caught.value)
    if fault == signal.SIGKILL:
        object_store.start()
    else:
        object_store.hold.resume()

    assert all(each.extras["retry_after"] > 0 for each in found)
    assert all(object_store.secret not in f"{each} {each.hint}" for each in found)
    assert artifacts.cells("kept").equals(CELLS)
