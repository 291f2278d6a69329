"""Every fuzz target on real samples, on samples a little damaged, and on what was found once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import CodedError
from tests.fuzz.seeds import write_seeds
from tests.fuzz.targets import TARGETS

REGRESSIONS = Path(__file__).with_name("regressions")


class Samples(dict[str, list[bytes]]):
    """By target; too many to be shown when a test fails."""

    def __repr__(self) -> str:
        return f"{len(self)} kinds of samples"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    folder = tmp_path_factory.mktemp("samples")
    assert write_seeds(folder) > 200
    return Samples(
        (target, [file.read_bytes() for file in sorted((folder / target).glob("*"))])
        for target in TARGETS
    )


STRICT = (
    *("codec", "transaction", "message", "frames", "proof", "segment", "genesis"),
    *("survivor-statement", "recovery"),
)


@pytest.mark.parametrize("target", STRICT)
def test_real_samples_are_accepted(target: str, samples: Samples) -> None:
    assert samples[target], "a target without samples proves little"
    for data in samples[target]:
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_samples_are_refused_by_code_or_written_alike(
    target: str, data: st.DataObject, samples: Samples
) -> None:
    sample = data.draw(st.sampled_from(samples[target] or [b""]))
    at = data.draw(st.integers(0, len(sample)))
    cut = data.draw(st.integers(0, 3))
    damaged = sample[:at] + data.draw(st.binary(max_size=6)) + sample[at + cut :]
    try:
        TARGETS[target](damaged)
    except CodedError:
        return


@pytest.mark.parametrize("file", sorted(REGRESSIONS.glob("*/*")), ids=lambda f: f.name)
def test_what_was_found_once_stays_mended(file: Path) -> None:
    try:
        TARGETS[file.parent.name](file.read_bytes())
    except CodedError:
        return
