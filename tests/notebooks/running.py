"""Runs a notebook in a process of its own: `python running.py NOTEBOOK RESULT FOLDER`.

The libraries that speak to a kernel leave sockets to the garbage collector; here they end with the
process.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

SECONDS = 400  # for one cell


def main(source: str, result: str, folder: str) -> None:
    """Run every cell in that folder and write the notebook with what it shows."""
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("print(answer.summary.headline)"))
    # the path of a socket has 107 letters at most
    with tempfile.TemporaryDirectory(prefix="nb-", ignore_cleanup_errors=True) as sockets:
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/k")
        place = {"metadata": {"path": folder}}
        NotebookClient(notebook, km=kernel, timeout=SECONDS, resources=place).execute()
    Path(result).write_text(nbformat.writes(notebook), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
