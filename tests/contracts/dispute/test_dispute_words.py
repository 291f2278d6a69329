"""What is signed can be read, in every language, and names only what the operation states."""

from __future__ import annotations

import re

import pytest

from contracts.framework.operation import Declaration
from contracts.registry import capability

DECLARED = [
    op.declaration for name in ("guarantee", "dispute") for op in capability(name).operations
]


@pytest.mark.parametrize("found", DECLARED, ids=lambda d: d.name)
def test_every_operation_speaks_three_languages_of_its_own_fields(found: Declaration) -> None:
    assert set(found.text) == {"en", "ru", "zh"}
    fields = {field.name for field in found.fields}
    named = [set(re.findall(r"\{([a-z_]+)\}", text)) for text in found.text.values()]
    assert named[0] <= fields and named[0] == named[1] == named[2]
