"""Whatever a signer is asked, in whatever order, nothing that it signed contradicts anything."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.block import NO_BLOCK, Vote, VoteKind, vote_bytes
from ledger.evidence import conflicting
from ledger.hashing import Tag, message
from ledger.keys import PrivateKey, verify
from node.messages import sign_reproposal
from node.signer import memory
from node.signer.guard import KEPT_VIEWS, Act, Past, Refused, Signed, read
from node.signer.server import Signer
from tests.node.consensus.transcript import CHAIN, block

KEY = PrivateKey(b"s" * 32)
A, B = block("A"), block("B")

requests = st.builds(
    lambda kind, epoch, view, of: (kind, epoch, view, NO_BLOCK if kind is VoteKind.NULLIFY else of),
    st.sampled_from(VoteKind),
    st.integers(0, 1),
    st.integers(1, 4),
    st.sampled_from([A, B]),
)


@given(st.lists(st.one_of(requests, st.none()), max_size=30))
@settings(deadline=None)
def test_what_was_signed_never_conflicts_though_the_signer_dies_at_any_time(
    asked: list[tuple[VoteKind, int, int, bytes] | None],
) -> None:
    signed: list[Vote] = []
    with TemporaryDirectory() as folder:
        signer = Signer(KEY, Path(folder))
        for request in asked:
            if request is None:
                signer.close()
                signer = Signer(KEY, Path(folder))
                continue
            kind, epoch, view, of = request
            wanted = vote_bytes(CHAIN, kind, epoch, view, of)
            try:
                signature = signer.sign(wanted)
            except Refused:
                may_conflict = [
                    v
                    for v in signed
                    if v.view == view
                    or (v.kind is VoteKind.RECOVER and v.epoch >= epoch)
                    or (kind is VoteKind.RECOVER and v.view >= view)
                ]
                assert may_conflict, "what nothing excludes is never refused"
                continue
            assert verify(KEY.public, wanted, signature)
            signed.append(Vote(kind, epoch, view, of, 0, signature))
        signer.close()
    assert not any(conflicting(one, other) for one in signed for other in signed)


def test_a_recovery_is_signed_once_in_an_epoch_and_ends_it_though_the_signer_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vote(kind: VoteKind, epoch: int, view: int, of: bytes = A) -> bytes:
        return vote_bytes(CHAIN, kind, epoch, view, of)

    monkeypatch.setattr(memory, "REWRITE_LINES", 1)
    signer = Signer(KEY, tmp_path)
    signer.sign(vote(VoteKind.FINALIZE, 3, 7))
    with pytest.raises(Refused, match="view 7 was voted in"):
        signer.sign(vote(VoteKind.RECOVER, 3, 7))
    signer.sign(vote(VoteKind.RECOVER, 3, 9))
    signer.close()
    signer = Signer(KEY, tmp_path)
    signer.sign(vote(VoteKind.RECOVER, 3, 9))
    for kind, of in ((VoteKind.RECOVER, B), (VoteKind.NOTARIZE, A), (VoteKind.NULLIFY, NO_BLOCK)):
        with pytest.raises(Refused, match="a recovery that ends epoch 3"):
            signer.sign(vote(kind, 3, 11, of))
    with pytest.raises(Refused, match="a recovery that ends epoch 3"):
        signer.sign(vote(VoteKind.RECOVER, 2, 11, B))
    signer.sign(vote(VoteKind.NOTARIZE, 4, 10, B))
    signer.close()


def test_the_same_vote_may_be_signed_again_and_another_proposal_of_a_view_may_not(
    tmp_path: Path,
) -> None:
    signer = Signer(KEY, tmp_path)
    vote = vote_bytes(CHAIN, VoteKind.NOTARIZE, 0, 7, A)
    assert signer.sign(vote) == signer.sign(vote)
    sign_reproposal(CHAIN, signer, 0, 9, A, 8)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="another block has its propose"):
        sign_reproposal(CHAIN, signer, 0, 9, B, 8)  # type: ignore[arg-type]
    assert signer.newest(CHAIN) == 9
    assert signer.newest(bytes(32)) == 0, "another ledger, another memory"


@pytest.mark.parametrize(
    "asked",
    [b"", b"pay everything", Tag.NOTARIZE.value, message(Tag.NOTARIZE, CHAIN, b"\x93\x00\x01\x02")],
)
def test_what_a_node_never_signs_is_refused(asked: bytes, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        Signer(KEY, tmp_path).sign(asked)


def test_messages_that_bind_to_nothing_are_signed_freely(tmp_path: Path) -> None:
    asked = message(Tag.HELLO, CHAIN, b"anything")
    assert read(asked) is None
    assert verify(KEY.public, asked, Signer(KEY, tmp_path).sign(asked))
    assert list(tmp_path.iterdir()) == [], "and leave nothing behind"


def test_a_torn_last_line_is_forgotten_and_a_damaged_one_stops_the_signer(tmp_path: Path) -> None:
    path = tmp_path / "signed.jsonl"
    kept = memory.Memory(path)
    kept.bind(Signed(Act.NOTARIZE, 3, A))
    kept.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"act": "final')
    again = memory.Memory(path)
    assert again.past.entries() == [Signed(Act.NOTARIZE, 3, A)]
    again.bind(Signed(Act.FINALIZE, 3, A))
    again.close()
    assert len(memory.Memory(path).past.entries()) == 2
    path.write_bytes(b"?" + whole)
    with pytest.raises(Exception, match="rotate the key"):
        memory.Memory(path)


def test_a_long_memory_is_written_anew_and_still_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "REWRITE_LINES", 50)
    kept = memory.Memory(tmp_path / "signed.jsonl")
    for view in range(1, 121):
        kept.bind(Signed(Act.NOTARIZE, view, A))
    kept.close()
    again = memory.Memory(tmp_path / "signed.jsonl")
    assert again.past.entries() == kept.past.entries()
    with pytest.raises(Refused):
        again.bind(Signed(Act.NOTARIZE, 120, B))


def test_views_that_fall_far_behind_are_closed() -> None:
    past = Past()
    past.note(Signed(Act.NULLIFY, 1, b""))
    past.note(Signed(Act.NULLIFY, KEPT_VIEWS + 10, b""))
    assert past.floor == 10 and past.newest == KEPT_VIEWS + 10
    with pytest.raises(Refused, match="long past"):
        past.check(Signed(Act.NULLIFY, 10, b""))
