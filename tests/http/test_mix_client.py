"""The typed client, from the first upload to the outputs, at a server that is killed on the way."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import cast

import pytest

from examples.mix_client import CheckSpec, CreateRun, MixClient, MixError, NotReadyError
from pymc_vibes.http.auth import create_token
from pymc_vibes.settings import Settings
from scripts.mix_client import PLACE, client
from tests.cli.terminal import VIBES, environment
from tests.http.conftest import SECRET
from tests.http.mix import RUN_SPEC, sample_csv

SPEC = cast("CreateRun", RUN_SPEC)


@contextmanager
def serving(home: Path, **more: str) -> Iterator[str]:
    """Start a server and give its address; it is killed at the end, in the midst of anything."""
    command = [*VIBES, "serve", "--port", "0"]
    plain = environment(home, VIBES_LEASE_SECONDS="1", VIBES_LEDGER="off", **more)
    with subprocess.Popen(
        command, env=plain, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        assert server.stderr is not None
        told = (line.partition("running on ")[2] for line in server.stderr)
        address = next(place.split()[0] for place in told if place)
        drain = Thread(target=server.stderr.read)  # what it logs must not fill the pipe
        drain.start()
        try:
            yield address
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            drain.join()


def test_the_client_is_what_the_description_makes_of_it() -> None:
    assert PLACE.read_text(encoding="utf-8") == client()


def test_a_run_outlives_its_server_at_every_stage(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as address:
        MixClient(address).upload_dataset(sample_csv(), "sample_001.csv")
        run_id = MixClient(address).create_run(SPEC)["run_id"]
    with serving(home) as address:
        created = MixClient(address).show_status(run_id)
        built = MixClient(address).build_features(run_id)
    with serving(home) as address:
        found = MixClient(address).show_status(run_id)
        begun = MixClient(address).train(run_id)
        with pytest.raises(NotReadyError):
            MixClient(address).show_fitted(run_id)
    with serving(home) as address:
        over = MixClient(address).wait(run_id, every=0.1)
        read_outputs(MixClient(address), run_id)

    stages = [told["stage"] for told in (created, built, found, begun, over)]
    assert stages == ["CREATED", "FEATURES_BUILT", "FEATURES_BUILT", "TRAINING", "OUTPUTS_READY"]
    reached = [mark["stage"] for mark in over["history"]]
    assert reached == ["CREATED", "VALIDATED", "FEATURES_BUILT", "TRAINING", "OUTPUTS_READY"]
    assert over["history"][:3] == built["history"]  # nothing that was reached is ever changed


def read_outputs(mix: MixClient, run_id: str) -> None:
    """Read all that the client can read of a run, as its types say that it is."""
    csv = mix.show_contributions_as(run_id, "csv").decode().splitlines()
    scaler = json.loads(mix.download(run_id, "feature_scaler.json"))
    parameters = mix.show_posterior_summary(run_id)["parameters"]

    assert len(mix.show_outputs(run_id)["artifacts"]) == 9
    assert len(mix.show_fitted(run_id)["fitted"]) >= 100
    assert {line["parameter"] for line in parameters} >= {"beta[tv]", "sigma"}
    assert parameters[0]["hdi_3%"] is not None
    assert mix.show_diagnostics(run_id)["verdict"] in ("good", "warning")
    assert scaler["media"]["tv"]["decay"] == 0.5
    assert csv[0].replace('"', "") == "period_start,channel,contrib_mean,contrib_low,contrib_high"
    assert mix.show_run(run_id)["run_spec"] == RUN_SPEC


def test_refusals_tell_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", auth_secret=SECRET)
    token = create_token(settings, "ann", ["read", "ingest", "run"], 1)
    with serving(tmp_path / "home", VIBES_AUTH_SECRET=SECRET) as address:
        mix, stranger = MixClient(address, token), MixClient(address)
        refusals = []
        for ask in (
            lambda: stranger.show_dataset("sample_001"),
            lambda: mix.show_dataset("sample_001"),
            lambda: mix.create_run({**SPEC, "dataset_id": "nothing"}),
            lambda: mix.upload_dataset(b"a,b\n1,2\n", 'odd "name"\r\n.csv'),
        ):
            with pytest.raises(MixError) as refusal:
                ask()
            refusals.append(refusal.value)
        uploads = [
            mix.upload_dataset(sample_csv(), "any.csv", dataset_id="sample_001") for _ in range(2)
        ]
        checked = mix.check_dataset("sample_001", cast("CheckSpec", RUN_SPEC))
        run_id = mix.create_run({**SPEC, "run_all": False})["run_id"]
        with pytest.raises(MixError) as early:
            mix.show_contributions(run_id)

    assert [refusal.status for refusal in refusals] == [401, 404, 404, 422]
    assert "POST /datasets/upload" in str(refusals[1])
    assert [(done["rows"], done["replayed"]) for done in uploads] == [(104, False), (104, True)]
    assert checked["is_valid"]
    assert (early.value.status, early.value.problem["stage"]) == (409, "CREATED")
    assert early.value.problem["next"] == f"POST /runs/{run_id}/build_features"
