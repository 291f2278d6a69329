"""The reference scenario's ledger, recorded once for all tests of case files."""

from __future__ import annotations

import pytest

from tests.cli.recorded import Recorded, recorded_scenario


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Only read by its tests."""
    return recorded_scenario(tmp_path_factory.mktemp("recorded"))
