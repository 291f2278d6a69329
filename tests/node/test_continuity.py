"""A node that has forgotten its votes does not vote again unasked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.errors import CodedError
from node import continuity, identity
from node.config import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    identity.create(tmp_path, name="g0", party="5493001KJTIIGC8Y1R12")
    return Home(tmp_path)


def test_a_node_that_keeps_its_journal_starts_again_and_again(home: Home) -> None:
    assert [continuity.require_votes(home) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("lost", ["data", "data/votes"])
def test_a_node_whose_votes_are_gone_does_not_start_until_it_is_activated(
    home: Home, lost: str
) -> None:
    continuity.require_votes(home)
    shutil.rmtree(home.path / lost)
    for _ in range(2):
        with pytest.raises(CodedError) as caught:
            continuity.require_votes(home)
        assert caught.value.code.name == "VOTES_LOST"
    continuity.activate(home, 77)
    assert [continuity.require_votes(home) for _ in range(2)] == [77, 77]


def test_a_foreign_journal_is_as_bad_as_none(home: Home, tmp_path: Path) -> None:
    continuity.require_votes(home)
    (home.votes / "started").write_text("0" * 32)
    with pytest.raises(CodedError):
        continuity.require_votes(home)


def test_a_copied_home_observes_until_it_is_activated(home: Home, tmp_path: Path) -> None:
    continuity.require_votes(home)
    copy = Home(tmp_path.with_name("copy"))
    shutil.copytree(home.path, copy.path, copy_function=shutil.copy2)
    assert continuity.require_votes(home) == 0, "the original is none"
    for _ in range(2):
        assert continuity.require_votes(copy) == continuity.NEVER
    assert "copy" in continuity.reason_for_doubt(copy)
    continuity.activate(copy, 90)
    assert [continuity.require_votes(copy) for _ in range(2)] == [90, 90]


def test_a_home_put_back_in_place_is_a_copy_too(home: Home, tmp_path: Path) -> None:
    continuity.require_votes(home)
    saved = tmp_path.with_name("saved")
    shutil.copytree(home.path, saved)
    shutil.rmtree(home.path)
    saved.rename(home.path)
    assert continuity.require_votes(home) == continuity.NEVER


def test_activation_never_lowers_the_view(home: Home) -> None:
    continuity.require_votes(home)
    continuity.activate(home, 50)
    continuity.activate(home, 20)
    assert continuity.require_votes(home) == 50


def test_a_crash_in_the_middle_of_the_first_start_is_a_first_start_again(home: Home) -> None:
    continuity.require_votes(home)
    (home.path / "keys" / "started").unlink()
    assert continuity.require_votes(home) == 0
