"""Each transcript tells one promise of the core; its first line says which.

After a deliberate change, ``python -m tests.node.consensus.test_transcripts`` writes what the core
does now; review the difference like code.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.consensus.transcript import replay

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_core_does_as_the_transcript_tells(path: Path) -> None:
    told = path.read_text(encoding="utf-8")
    assert replay(told) == told


if __name__ == "__main__":
    for transcript in TRANSCRIPTS:
        transcript.write_text(replay(transcript.read_text(encoding="utf-8")), encoding="utf-8")
