"""``iic demo`` plays the whole scenario on real nodes, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.command_line import Iic


@pytest.fixture
def iic(tmp_path: Path) -> Iic:
    return Iic(tmp_path)


def processes_below(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_it_plays_everything_and_cleans_up(iic: Iic) -> None:
    done = iic("demo", "--json")
    assert done.status == 0, done.out + done.err
    story = done.json
    assert story["transactions"] >= 200 and story["members"] >= 12
    assert story["applied"] + sum(story["refused"].values()) == story["transactions"]
    assert {"INSUFFICIENT_FUNDS", "MISSING_SIGNATURES", "STANDING_FORBIDS"} <= set(story["refused"])
    assert story["receipt_verified"] is True and story["certificate_verified"] is True
    assert story["invariants_holding"] == 16
    assert {"OTHER_TERMS", "DEBT_FROZEN", "NOT_A_VOTER", "OVER_CREDIT_LINE"} <= set(
        story["refused"]
    )
    assert story["invariants_holding"] == 16
    assert len(story["supply"]) == 4
    for state in story["supply"].values():
        assert 0 < state["outstanding"] <= state["reserve"]
    units = {line["unit"] for line in story["trial_balance"]}
    for unit in units:
        lines = [line for line in story["trial_balance"] if line["unit"] == unit]
        assert sum(line["debit"] for line in lines) == sum(line["credit"] for line in lines)
        states = [sums for sums in story["trial_balance_by_state"] if sums["unit"] == unit]
        for side in ("debit", "credit"):
            assert sum(s[side] for s in states) == sum(line[side] for line in lines)
    assert {"SCU", "GV", "GTEE", "RSV", "LINE"} <= units
    assert {"RU", "CN", "IN", "BR"} <= {s["state"] for s in story["trial_balance_by_state"]}
    issued = next(line for line in story["trial_balance"] if line["kind"] == "issued")
    assert issued["debit"] == sum(s["outstanding"] for s in story["supply"].values())
    assert iic("wallet", "profile", "list", "--json").json == []


def test_a_kept_demo_goes_on_and_a_second_run_starts_clean(iic: Iic) -> None:
    folder = iic.folder / "kept"
    first = iic("demo", "--keep", folder)
    assert first.status == 0, first.out + first.err
    assert "Next, as an enterprise" in first.out and "iic demo stop" in first.out
    assert len(processes_below(folder)) >= 4
    chain = json.loads((folder / "genesis.json").read_text())["chain_id"]
    assert iic("wallet", "balance", "--json").status == 0

    second = iic("demo", "--keep", folder, "--json")
    assert second.status == 0, second.out + second.err
    assert json.loads((folder / "genesis.json").read_text())["chain_id"] != chain
    assert iic("wallet", "pay", "Volga Bearings", "1.00", "--yes").status == 0

    assert iic("demo", "stop", folder, "--json").json == {"stopped": 4}
    assert processes_below(folder) == []
    assert iic("wallet", "profile", "list", "--json").json == []


def test_a_folder_with_other_things_is_left_alone(iic: Iic) -> None:
    precious = iic.folder / "precious"
    precious.mkdir()
    (precious / "thesis").write_text("years of work")
    refused = iic("demo", "--keep", precious, "--json")
    assert refused.status == 6 and refused.code == "FILE_EXISTS"
    assert (precious / "thesis").read_text() == "years of work"


def test_ctrl_c_ends_everything_it_started(iic: Iic) -> None:
    folder = iic.folder / "stopped"
    running = iic.start("demo", "--keep", folder)
    assert running.stdout is not None
    for line in running.stdout:
        if "height 1 final" in line:
            break
    assert processes_below(folder)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode != 0
    assert [p for p in processes_below(folder) if p != running.pid] == []


@pytest.mark.parametrize(
    ("node", "act"),
    [(0, "The clearing house announces"), (2, "The council votes")],
)
def test_any_one_guarantor_may_be_killed_while_it_plays(iic: Iic, node: int, act: str) -> None:
    folder = iic.folder / "wounded"
    running = iic.start("demo", "--keep", "wounded")  # as people type it
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if act in line:
            nodes = json.loads((folder / "demo.json").read_text())["nodes"]
            os.kill(nodes[node]["pid"], signal.SIGKILL)
    running.wait(timeout=180)
    assert running.stderr is not None
    assert running.returncode == 0, "".join(lines) + running.stderr.read()
    assert "16 invariants hold" in "".join(lines)
    assert iic("demo", "stop", folder, "--json").json == {"stopped": 3}
