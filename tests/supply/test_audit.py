"""A known vulnerability fails the audit; a service that is silent does not, and is named."""

from __future__ import annotations

from typing import Any

from tests.supply.audit import finding, told

SOUND = {"name": "sound", "version": "1", "vulns": []}
SILENT = {"name": "silent", "skip_reason": "not found"}
FLAWED = {
    "name": "flawed",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": []}],
}


def verdict(*dependencies: dict[str, Any]) -> tuple[bool, str]:
    return told("a.lock", finding({"dependencies": list(dependencies), "fixes": []}))


def test_a_known_vulnerability_fails_and_is_named_with_its_mending() -> None:
    passes, sentence = verdict(SOUND, SILENT, FLAWED)
    assert not passes
    assert "flawed 2.0: PYSEC-1, mended in 2.1" in sentence


def test_what_was_not_audited_is_said_and_fails_nothing() -> None:
    assert told("a.lock", finding(None)) == (
        True,
        "a.lock: NOT AUDITED; the advisory service gave no answer",
    )
    assert "NOT AUDITED" in verdict(SILENT)[1]
    passes, sentence = verdict(SOUND, SILENT)
    assert passes and "1 packages audited" in sentence and "NOT AUDITED: 1" in sentence


def test_a_complete_audit_says_so() -> None:
    assert verdict(SOUND, SOUND) == (
        True,
        "a.lock: 2 packages audited, none known to be vulnerable",
    )
