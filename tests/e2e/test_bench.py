"""``iic bench`` reports what it promises, from real loads and pages that were really shown."""

from __future__ import annotations

import json
from pathlib import Path

from cli.bench.faults import longest_gap
from tests.e2e.command_line import Ended, Iic

KEYS = {
    "offered_tx_per_s",
    "finalized_tx_per_s",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "cpu_s_per_tx",
    "rss_mib_per_node",
    "disk_bytes_per_tx",
    "ceiling_tx_per_s",
    "ceiling_share",
    "nodes",
    "seconds",
}


def test_a_small_load_settles_completely_and_is_reported(tmp_path: Path) -> None:
    done = Iic(tmp_path)(
        "bench", "settle", "--rate", 40, "--seconds", 3, "--accounts", 20, "--batch", 10,
        "--latency-phase", 1, "--out", "report.json", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    report = done.json
    assert set(report) >= KEYS
    assert report["nodes"] == 4 and report["accounts"] == 20
    assert report["finalized"] == report["offered"] == 120
    assert report["unresolved"] == 0 and report["refused"] == {}
    assert 0 < report["latency_p50_s"] <= report["latency_p95_s"] <= report["latency_p99_s"]
    assert report["cpu_s_per_tx"] > 0 and report["rss_mib_per_node"] > 10
    assert report["ceiling_share"] < 1 < report["ceiling_tx_per_s"]
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_time_without_final_answers_is_measured_around_real_kills(tmp_path: Path) -> None:
    done = Iic(tmp_path)("bench", "faults", "--rounds", 1, "--seconds", 3, "--json")
    assert done.status == 0, done.out + done.err
    report = done.json
    assert report["nodes"] == 4 and report["rounds"] == 1
    assert 0 < report["undisturbed_s"]["median"] <= report["undisturbed_s"]["max"]
    assert 0 < report["leader_kill_resume_s"]["max"] < 3, "answers went on within the watch"


def test_the_longest_gap_counts_from_the_last_answer_before_and_to_the_end() -> None:
    answers = [1.0, 2.0, 3.5, 4.0]
    assert longest_gap(answers, 2.5, 4.1) == 1.5
    assert longest_gap(answers, 0.0, 10.0) == 6.0
    assert longest_gap([], 1.0, 3.0) == 2.0


def test_a_kept_ledger_is_measured_again_and_never_one_of_another_size(tmp_path: Path) -> None:
    def audit(transactions: int, page_transactions: int) -> Ended:
        return Iic(tmp_path)(
            "bench", "audit", "--transactions", transactions, "--accounts", 20, "--keep", "ledger",
            "--page-transactions", page_transactions, "--page-accounts", 100, "--page-rounds", 2,
            "--json",
        )  # fmt: skip

    done = audit(400, 400)
    assert done.status == 0, done.out + done.err
    report = done.json
    assert 0 < report["share"] < 1 and report["transactions"] >= 400
    assert report["page_p95_ms"] > 0 and len(report["page_kinds_p95_ms"]) == 12
    assert report["history_first_page_ms"].keys() == report["history_deep_page_ms"].keys()
    made = (tmp_path / "ledger/made.json").read_bytes()

    again = audit(0, 400)
    assert again.status == 0, again.out + again.err
    assert again.json["share"] is None and again.json["page_p95_ms"] > 0
    assert (tmp_path / "ledger/made.json").read_bytes() == made

    other = audit(0, 500)
    assert other.status == 2 and "keeps a ledger of 400 transactions" in other.out
