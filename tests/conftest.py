"""What all tests share: hypothesis profiles, and which tests never run beside each other.

Profiles: ``dev`` is quick, ``ci`` thorough; choose by ``HYPOTHESIS_PROFILE``. No profile has a
deadline: whether an example is fast depends on the machine, not on the code.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ["IIC_DEMO_PORT"] = "0"  # demos that run at the same time must not meet on one port

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that start real nodes take turns on one worker: they share ports and the disk."""
    if {"e2e", "guide"} & set(item.path.parts):
        item.add_marker(pytest.mark.xdist_group("e2e"))
