"""The ledger of a team: MLflow on PostgreSQL, its files in an object store."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings
from pymc_vibes.store.ledger import Ledger, address
from pymc_vibes.store.ledger_lock import sole_writer
from tests.servers import Bucket

EVENTS = "group,outcome\n" + "all,1\nall,0\n" * 20


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str, s3: Bucket) -> Settings:
    return Settings(
        home=tmp_path / "home",
        ledger=postgres_url,
        artifacts=f"s3://{s3.bucket}/kept",
        **s3.settings(),  # type: ignore[arg-type]  # each of them is text
    )


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Iterator[Service]:
    service = Service.open(settings)
    service.create("shop", "bernoulli")
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    service.upload("shop", path, UploadOptions(format="csv"))
    yield service
    service.close()


def test_the_process_mirrors_to_postgresql_and_the_object_store(
    shop: Service, settings: Settings, s3: Bucket
) -> None:
    from mlflow import MlflowClient

    Ledger(settings).check()
    answer = shop.analyze("shop")
    command = [sys.executable, "-m", "pymc_vibes.worker.mirror"]
    done = subprocess.run(
        command,
        check=False,
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert shop.queue.unmirrored(9) == ()
    client = MlflowClient(tracking_uri=address(settings.ledger_place))
    ids = [one.experiment_id for one in client.search_experiments()]
    (run,) = client.search_runs(ids)
    assert run.data.tags["vibes.run_id"] == answer.run_id
    place = run.info.artifact_uri.removeprefix(f"s3://{s3.bucket}/")
    assert place.startswith(f"kept/ledger/{shop.experiment('shop').id}/")
    cells = s3.client().get_object(Bucket=s3.bucket, Key=f"{place}/cells.parquet")["Body"].read()
    assert parquet.read_table(io.BytesIO(cells)).num_rows == 1
    secret = settings.s3_secret.get_secret_value() if settings.s3_secret else ""
    assert secret
    assert secret not in done.stderr


def test_between_machines_only_one_writes(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"home": tmp_path / "another machine"})
    with sole_writer(settings) as first, sole_writer(elsewhere) as second:
        assert (first, second) == (True, False)
    with sole_writer(elsewhere) as later:
        assert later
