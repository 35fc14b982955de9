"""What is told of installing more."""

from pathlib import Path

from pymc_vibes.core.installing import install_extra


def test_an_environment_of_uv_tool_is_added_to_by_uv_tool(tmp_path: Path) -> None:
    (tmp_path / "uv-receipt.toml").touch()

    assert install_extra("demo", str(tmp_path)) == "uv tool install 'pymc-vibes[demo]'"


def test_every_other_environment_is_added_to_by_pip(tmp_path: Path) -> None:
    assert install_extra("demo", str(tmp_path)) == "pip install 'pymc-vibes[demo]'"
