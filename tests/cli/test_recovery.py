"""The recovery ceremony, command by command, on the homes of stopped nodes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from cli.main import main
from contracts.verifier import validators_after
from ledger.block import SignerSignature, VoteKind, sign_vote
from ledger.codec import encode
from node import config as configuration
from node import continuity, identity
from node.config import Home
from node.opening import open_node
from node.recovery.documents import read_recovery, with_signatures
from tests.e2e.ledgers import prepare


def iic(*args: object, fails: bool = False) -> Any:
    done = CliRunner().invoke(main, [*map(str, args), "--json"])
    assert (done.exit_code != 0) is fails, done.output
    return done.output if fails else json.loads(done.stdout)


def yields(home: Home) -> bool:
    """Whether a node votes no more in its epoch, for it has signed a recovery."""
    node = open_node(home, configuration.load(home))
    assert node.store.head is not None
    epoch = validators_after(node.store, node.store.head).epoch
    node.close()
    return continuity.recovery_signed(home)[0] >= epoch


def test_two_of_four_go_on(tmp_path: Path) -> None:
    one, other, *_ = prepare(tmp_path).nodes
    said = [tmp_path / "one.statement", tmp_path / "other.statement"]
    for node, file in zip((one, other), said, strict=True):
        assert iic("recovery", "state", "--home", node.home.path, "--out", file)["height"] == 0
    made, second, complete = (tmp_path / n for n in ("recovery", "second", "complete"))
    propose = ("recovery", "propose", "--home", one.home.path, "--reason", "flood")
    assert "at least 2 of 4" in iic(*propose, said[0], "--out", made, fails=True)
    shown = iic(*propose, *said, "--out", made)
    assert (shown["survivors"], shown["lost"]) == (["g0", "g1"], ["g2", "g3"])
    assert (shown["doubtful"], shown["lies_borne"]) == ([], 0)
    iic(*propose, *said, "--out", second)
    assert iic("recovery", "show", made, "--home", other.home.path)["block"] == shown["block"]
    unsigned = iic("recovery", "apply", made, "--home", one.home.path, fails=True)
    assert "BAD_RECOVERY" in unsigned
    copies = [tmp_path / "one.copy", tmp_path / "other.copy"]
    for node, copy in zip((one, other), copies, strict=True):
        shutil.copy(made, copy)
        assert not yields(node.home)
        iic("recovery", "sign", copy, "--home", node.home.path)
        assert yields(node.home)
    again = iic("recovery", "sign", second, "--home", one.home.path, fails=True)
    assert "BAD_RECOVERY" in again
    iic("recovery", "combine", *copies, "--out", complete)
    early = iic("recovery", "verify", complete, one.home.ledger, fails=True)
    assert "ends before block 1" in early
    compare = ("recovery", "compare", complete, second, "--home", other.home.path)
    innocent = iic(*compare)
    assert (innocent["same"], innocent["signed_both"]) == (False, [])
    signed, rival = (read_recovery(file.read_bytes()) for file in (complete, second))
    header, key = rival.header, identity.load(one.home.path).vote_key
    vote = sign_vote(
        header.chain_id, key, 0, VoteKind.RECOVER, header.epoch, rival.view, header.hash()
    )
    twice = with_signatures(rival, (SignerSignature(0, vote.signature), *signed.signatures[1:]))
    second.write_bytes(encode(twice))
    told = iic(*compare, fails=True)
    assert '"validator": "g0"' in told and '"validator": "g1"' not in told
    for node in (one, other):
        for _ in range(2):
            assert iic("recovery", "apply", complete, "--home", node.home.path)["height"] == 1
        assert not yields(node.home)
        audited = iic("recovery", "verify", complete, node.home.ledger)
        assert (audited["survivors"], audited["height"]) == (["g0", "g1"], 1)
