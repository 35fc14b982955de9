"""The life of a process that is going to be killed: it uploads, asks, and works on runs.

What it begins and what was acknowledged to it stands in a file, a line each, so that whoever comes
after knows what must be there. `python -m tests.faults.life FILE` forks one such life per line of
its standard input, because importing everything takes longer than a life.
"""

import json
import os
import random
import sys
import tempfile
from pathlib import Path

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending
from pymc_vibes.service import Service
from pymc_vibes.settings import load_settings

ROWS = 10
SEEDS = 400  # different questions that are sampled


class Diary:
    """What was begun and what was acknowledged, as it happens."""

    def __init__(self, file: Path) -> None:
        self._lines = file.open("a", buffering=1)

    def note(self, *words: str) -> None:
        """Write a line, which outlives the process."""
        self._lines.write(" ".join(words) + "\n")


def upload(service: Service, key: str, folder: Path) -> None:
    """Upload the rows of one key; more than once is as good as once."""
    file = folder / "rows.csv"
    file.write_text("group,outcome\n" + "".join(f"{key},{row % 2}\n" for row in range(ROWS)))
    service.upload("rates", file, UploadOptions(format="csv", idempotency_key=key))


def live(seed: int, diary: Diary) -> None:
    """Do one thing after the other until somebody kills."""
    chance = random.Random(seed)  # noqa: S311  # what to do next, no secret
    service = Service.open(load_settings())
    folder = Path(tempfile.mkdtemp(prefix="vibes-life-"))
    number = 0
    while True:
        number += 1
        act = chance.choice(("upload", "upload", "rate", "toss"))
        try:
            if act == "upload":
                key = f"k{seed}-{number}"
                diary.note("try", key)
                upload(service, key, folder)
                diary.note("did", key)
            elif act == "rate":
                diary.note("run", service.analyze("rates").run_id)
            else:
                toss(service, chance.randrange(SEEDS), diary)
        except VibesError as error:
            diary.note("problem", json.dumps(error.problem()))


def toss(service: Service, seed: int, diary: Diary) -> None:
    """Ask for what must be sampled; a thread of this process works on it meanwhile."""
    try:
        answer = service.without_waiting().analyze("coin", {"seed": seed})
    except Pending as pending:
        diary.note("run", pending.run.id)
    else:
        diary.note("run", answer.run_id)


def main(file: Path) -> None:
    """Fork a life for every seed that is read, and tell when it is over."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                live(int(line), Diary(file))
            finally:
                os._exit(1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("over\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
