"""Run a notebook of the examples, as on a machine without notebooks of its own.

`python -m scripts.notebooks NOTEBOOK RESULT FOLDER` does so in that folder. The libraries that
speak to a kernel leave sockets to the garbage collector; here they end with the process.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "notebooks"
SECONDS = 400  # for one cell
_PERSONAL = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
_STARTUP = Path("ipythondir/profile_default/startup/first.py")


def run_notebook(source: Path, result: Path, folder: Path, *, startup: str = "") -> None:
    """Run it in an empty folder, after some Python of ours; write what its cells show.

    Raises RuntimeError with what a cell said where one fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    places = {variable: str(folder / variable.lower()) for variable in _PERSONAL}
    (folder / _STARTUP).parent.mkdir(parents=True)
    (folder / _STARTUP).write_text(startup, "utf-8")
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "scripts.notebooks", source, result, work],
        cwd=ROOT,
        env={**os.environ, "PATH": path, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{source.name} does not run: {done.stderr}")


def main(source: str, result: str, folder: str) -> None:
    """Run every cell in that folder and write the notebook with what it shows."""
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    notebook: Any = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]  # half typed
    # the path of a socket has 107 letters at most
    with tempfile.TemporaryDirectory(prefix="nb-", ignore_cleanup_errors=True) as sockets:
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/k")
        place = {"metadata": {"path": folder}}
        NotebookClient(notebook, km=kernel, timeout=SECONDS, resources=place).execute()
    Path(result).write_text(json.dumps(notebook), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
