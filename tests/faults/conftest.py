"""The office of the tests of workers serves the tests of faults as well."""

from tests.worker.conftest import office

__all__ = ["office"]
