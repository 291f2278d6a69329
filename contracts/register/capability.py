"""The register's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework.capability import Capability
from contracts.register import keys, membership  # noqa: F401
from contracts.register.records import RegisterParameters

CAPABILITY: Final = Capability(
    name="register",
    meaning="Members, their standing, keys and offices.",
    operations=(),
    events=(),
    machines=(),
    tables=(),
    accounts=(),
    parameters=RegisterParameters,
    invariants=(),
)
