"""What starts fast stays fast: heavy libraries come in only where they are needed."""

import subprocess
import sys

NUMERIC = {
    "arviz",
    "arviz_base",
    "arviz_stats",
    "duckdb",
    "ibis",
    "matplotlib",
    "mlflow",
    "nutpie",
    "pandas",
    "pyarrow",
    "pymc",
    "pytensor",
    "scipy",
    "xarray",
}
SERVER = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "jinja2"}

CATALOG = "from pymc_vibes.kinds import catalog; catalog()"
HELP = """
import contextlib, io
from pymc_vibes.cli import main
sys.argv = ["vibes", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
"""


def packages_after(code: str) -> set[str]:
    """Names of the top-level packages that a fresh interpreter holds after `code`."""
    report = 'print(*{name.partition(".")[0] for name in sys.modules})'
    program = f"import sys\n{code}\n{report}"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_the_catalog_pulls_no_heavy_library() -> None:
    assert packages_after(CATALOG) & (NUMERIC | SERVER) == set()


def test_help_pulls_no_heavy_library() -> None:
    assert packages_after(HELP) & (NUMERIC | SERVER) == set()
