"""End-to-end tests run real nodes: processes, TLS sockets, LMDB on disk, HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.localcluster import LocalCluster
from tests.e2e.ledgers import prepare


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """Four guarantors and two members, not started; everything is stopped at the end."""
    with prepare(tmp_path / "cluster") as made:
        yield made
