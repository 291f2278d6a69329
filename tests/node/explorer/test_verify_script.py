"""The script that verifies in a reader's browser reaches the verdicts of the ledger's verifier."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from javascript import engines, hexes, verdicts
from ledger_chains import (
    ACCOUNTS,
    LEIS,
    VECTORS,
    Build,
    certify,
    genesis_document,
    memory_chain,
    vote_keys,
)

from ledger import proof
from ledger.block import Certificate, Header, VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import GenesisFile, dump
from ledger.keys import verify
from ledger.proof import Proven, ProvenReceipt, ProvenState
from ledger.store.proofs import prove_extension, prove_receipt, prove_state
from ledger.transaction import open_envelope
from ledger.validators import ValidatorSet

GENESIS = genesis_document()
_replace: Any = msgspec.structs.replace


def _approved() -> GenesisFile:
    file = GenesisFile(GENESIS, {})
    for key in vote_keys():
        file = file.approve(key)
    return file


GENESIS_TEXT = dump(_approved())


def _chain() -> Build:
    """Ten blocks; validators change after 3 and 6; 1, 4 and 8 are final through descendants."""
    chain = memory_chain()
    for count, certified, handover in (
        (1, False, False),
        (1, True, False),
        (1, True, True),
        (1, False, False),
        (1, True, False),
        (1, True, True),
        (1, True, False),
        (1, False, False),
        (2, True, False),
    ):
        chain.grow(count, certified=certified, handover=handover)
    return chain


CHAIN = _chain()


def _receipt(height: int, index: int) -> ProvenReceipt:
    found = prove_receipt(CHAIN.store, height, index)
    assert found is not None
    return found


def _states() -> list[ProvenState]:
    keys = [ACCOUNTS.key(LEIS[1], "SCU"), ACCOUNTS.key("other-3", "SCU"), b"none", b""]
    return [prove_state(CHAIN.store, key) for key in keys]


def _good() -> list[Proven]:
    receipts = [_receipt(height, index) for height in range(1, 11) for index in range(2)]
    extensions = [e for h in range(11) if (e := prove_extension(CHAIN.store, h)) is not None]
    return [*receipts, *_states(), *extensions]


def _verdict(data: bytes) -> str:
    """The ledger's own verdict: the code of its refusal, or empty."""
    try:
        proven = proof.read(data)
        if isinstance(proven, ProvenReceipt):
            proof.verify(proven, GENESIS)
        elif isinstance(proven, ProvenState):
            proof.verify_state(proven, GENESIS)
        else:
            proof.verify_extension(proven, GENESIS)
    except CodedError as error:
        return error.code.name
    return ""


def _forged() -> Iterator[Proven]:
    """What an attacker would try who knows the format but not the keys of a quorum."""
    good, other, deadline, late = _receipt(2, 1), _receipt(2, 2), _receipt(2, 0), _receipt(7, 1)
    yield _replace(good, receipt=other.receipt)
    yield _replace(good, transaction=other.transaction)
    yield _replace(good, index=2)
    yield _replace(good, index=2**62)
    yield _replace(good, index=2, receipt_path=other.receipt_path)
    yield _replace(good, transaction_path=other.transaction_path)
    yield _replace(good, receipt_path=(*good.receipt_path, bytes(32)))
    yield _replace(good, header=late.header)
    yield _replace(good, history_path=(bytes(32),))
    yield _replace(good, receipt=_replace(good.receipt, code="REFUSED"))
    yield _replace(deadline, transaction=good.transaction)
    yield _replace(deadline, transaction_path=good.transaction_path)
    signed = open_envelope(good.transaction)
    bad = _replace(signed.signatures[0], signature=bytes(64))
    yield _replace(good, transaction=encode(_replace(signed, signatures=(bad,))))
    yield _replace(good, transaction=encode(_replace(signed, signatures=())))
    yield from _forged_finality(late)
    for state in _states():
        yield _replace(state, value=b"other")
        if state.value is not None:
            yield _replace(state, value=None)
        yield _replace(state, key=b"other")
        yield _replace(state, proof=_replace(state.proof, bucket=b""))
        yield _replace(state, proof=_replace(state.proof, bucket=state.proof.bucket + b"\0"))
        yield _replace(state, proof=_replace(state.proof, branches=()))
    extension = prove_extension(CHAIN.store, 4)
    assert extension is not None
    yield _replace(extension, header=good.header)
    yield _replace(extension, consistency_path=extension.consistency_path[:-1])
    yield _replace(extension, inclusion_path=())
    first = prove_extension(CHAIN.store, 0)
    assert first is not None
    yield _replace(first, consistency_path=(bytes(32),))


def _forged_finality(proven: ProvenReceipt) -> Iterator[ProvenReceipt]:
    finality = proven.finality
    header = finality.header
    first, second = finality.changes
    for certificate in (
        certify(header, signers=(0, 1)),
        certify(header, signers=(0, 1, 2, 3)),
        certify(_replace(header, view=header.view + 1)),
        certify(header, epoch=1),
        _replace(certify(header, epoch=1), epoch=2),
        CHAIN.store.certificate(9),
        _notarized(header),
        _doubled(certify(header)),
        _replace(certify(header), kind=VoteKind.NOTARIZE),
    ):
        yield _replace(proven, finality=_replace(finality, certificate=certificate))
    early = _replace(header, height=second.header.height)
    late = _replace(finality, header=early, certificate=certify(early))
    yield _replace(proven, header=early, history_path=(), finality=late)
    for changes in (
        (),
        (second,),
        (first,),
        (second, first),
        (first, first, second),
        (first, _replace(second, validators=first.validators)),
        (_replace(first, validators=second.validators), second),
    ):
        yield _replace(proven, finality=_replace(finality, changes=changes))


def _notarized(header: Any) -> Any:
    chain_id, keys = GENESIS.chain_id, vote_keys(header.epoch)
    votes = [
        sign_vote(chain_id, keys[s], s, VoteKind.NOTARIZE, header.epoch, header.view, header.hash())
        for s in (0, 1, 2)
    ]
    return assemble(votes)


def _doubled(certificate: Any) -> Any:
    """One signer counted twice."""
    first, second, _ = certificate.signatures
    return _replace(certificate, signatures=(first, second, second))


def _malformed(data: bytes) -> Iterator[bytes]:
    """Files that are no canonical encoding of a proof."""
    yield from (b"", b"\xc0", b"\x80", b"\xca\0\0\0\0", b"\xc7\0\0", data[:-1], data + b"\0")
    yield b"\x91" * 600
    yield from (b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xa1\xff", b"\xa2\xcc\x81")
    yield b"\xdc\x00" + bytes((data[0] & 15,)) + data[1:]  # an array's longer form


@pytest.mark.parametrize("engine", engines())
def test_the_script_reaches_the_verdicts_of_the_ledgers_own_verifier(
    engine: str, tmp_path: Path
) -> None:
    files = [proof.write(proven) for proven in _good()]
    assert {_verdict(data) for data in files} == {""}
    forged = [proof.write(proven) for proven in _forged()]
    refused = [_verdict(data) for data in forged]
    assert refused.count("") == 1  # a certificate of all four instead of three of them
    files += [*forged, *_malformed(files[0])]
    told = verdicts(engine, tmp_path, {"genesis": GENESIS_TEXT, "proofs": hexes(files)})
    assert told["genesis"] == ""
    assert told["proofs"] == [_verdict(data) for data in files]


def _sign(header: Header, kind: VoteKind, signers: tuple[int, ...], later: int = 0) -> Certificate:
    """By the founders' keys, which the survivors keep; ``later`` than the block's own view."""
    votes = [
        sign_vote(
            GENESIS.chain_id,
            vote_keys(0)[signer],
            place if header.epoch else signer,
            kind,
            header.epoch,
            header.view + later,
            header.hash(),
        )
        for place, signer in enumerate(signers)
    ]
    return assemble(votes)


def _handover(*heirs: int) -> tuple[Build, ProvenReceipt]:
    """A chain in which founders take over in block 2, and the proof of a receipt in block 3."""
    chain = memory_chain()
    chain.grow()
    founders = chain.validators.validators
    following = ValidatorSet(1, tuple(founders[index] for index in heirs))
    for after in (following, None):
        block = chain.block()
        header = block.header
        if after is not None:
            header = _replace(header, next_validators_hash=after.hash(chain.chain_id))
        kind = VoteKind.FINALIZE if after is None else VoteKind.RECOVER
        chain.store.commit(
            block._replace(header=header, certificate=_sign(header, kind, heirs), validators=after)
        )
        chain.state.absorb(chain._overlay)
        chain.validators = after or chain.validators
    found = prove_receipt(chain.store, 3, 1)
    assert found is not None
    return chain, found


def _recovered() -> Iterator[Proven]:
    """Proofs that rest on survivors: their own block, below it and above it, and a last block that
    they or a quorum made final in a later view than its own."""
    chain, above = _handover(1, 2)
    for height in (1, 2):
        found = prove_receipt(chain.store, height, 1)
        assert found is not None
        yield found
    yield above
    yield _handover(0, 1, 3)[1]
    (change,) = above.finality.changes
    for certificate in (
        _sign(change.header, VoteKind.RECOVER, (0, 3), later=2),
        _sign(change.header, VoteKind.FINALIZE, (0, 1, 2), later=2),
    ):
        changes = (_replace(change, certificate=certificate),)
        yield _replace(above, finality=_replace(above.finality, changes=changes))


def _usurped() -> Iterator[Proven]:
    """What fewer than half, or half in favour of others, would have to forge."""
    above = _handover(1, 2)[1]
    (change,) = above.finality.changes
    for certificate in (
        _sign(change.header, VoteKind.RECOVER, (1,)),
        _sign(change.header, VoteKind.RECOVER, (0, 2)),
        _sign(change.header, VoteKind.RECOVER, (0, 1, 2)),
        _sign(change.header, VoteKind.FINALIZE, (1, 2)),
        _replace(_sign(change.header, VoteKind.FINALIZE, (1, 2)), kind=VoteKind.RECOVER),
        _replace(_sign(change.header, VoteKind.RECOVER, (0, 1, 2)), kind=VoteKind.FINALIZE),
        _replace(_sign(change.header, VoteKind.RECOVER, (1, 2)), view=change.header.view - 1),
        _replace(_sign(change.header, VoteKind.RECOVER, (1, 2)), view=change.header.view + 1),
    ):
        changes = (_replace(change, certificate=certificate),)
        yield _replace(above, finality=_replace(above.finality, changes=changes))
    ordinary = above.finality.header
    certificate = _sign(ordinary, VoteKind.RECOVER, (1, 2))
    yield _replace(above, finality=_replace(above.finality, certificate=certificate))


@pytest.mark.parametrize("engine", engines())
def test_proofs_across_a_recovery_are_verified_alike_and_name_it(
    engine: str, tmp_path: Path
) -> None:
    good, bad = list(_recovered()), list(_usurped())
    files = [proof.write(proven) for proven in (*good, *bad)]
    expected = [_verdict(data) for data in files]
    assert not any(expected[: len(good)]) and all(expected[len(good) :])
    rests = [
        [list(map(_plain, r)) for r in proof.verify(proven, GENESIS).signers.recoveries]
        for proven in good
        if isinstance(proven, ProvenReceipt)
    ]
    assert [len(one) for one in rests] == [0, 1, 1, 1, 1, 0]
    told = verdicts(engine, tmp_path, {"genesis": GENESIS_TEXT, "proofs": hexes(files)})
    assert told["proofs"] == expected
    assert told["recoveries"] == rests


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("kind", ["receipt", "state", "extension"])
def test_no_proof_with_a_flipped_byte_is_verified(engine: str, kind: str, tmp_path: Path) -> None:
    proven: Proven | None = {
        "receipt": lambda: _receipt(2, 1),
        "state": lambda: prove_state(CHAIN.store, ACCOUNTS.key(LEIS[1], "SCU")),
        "extension": lambda: prove_extension(CHAIN.store, 2),
    }[kind]()
    assert proven is not None
    data = proof.write(proven)
    flipped = []
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        flipped.append(bytes(changed))
    told = verdicts(engine, tmp_path, {"genesis": GENESIS_TEXT, "proofs": hexes(flipped)})
    assert "" not in told["proofs"]
    assert told["proofs"] == [_verdict(changed) for changed in flipped]


@pytest.mark.parametrize("engine", engines())
def test_only_a_genesis_that_every_guarantor_approved_is_trusted(
    engine: str, tmp_path: Path
) -> None:
    def told(text: str) -> str:
        found = verdicts(engine, tmp_path, {"genesis": text})
        return str(found["genesis"])

    def changed(**fields: Any) -> str:
        return json.dumps({**json.loads(GENESIS_TEXT), **fields})

    written = json.loads(GENESIS_TEXT)
    assert told(changed()) == ""
    assert told("{") == "BAD_GENESIS"
    assert told(changed(network="other")) == "BAD_GENESIS"
    assert told(changed(extra=1)) == "BAD_GENESIS"
    assert told(changed(approvals=written["approvals"][:3])) == "BAD_GENESIS"
    swapped = [dict(entry) for entry in written["approvals"]]
    swapped[0]["signature"] = swapped[1]["signature"]
    assert told(changed(approvals=swapped)) == "BAD_SIGNATURE"
    validators = [dict(entry) for entry in written["validators"]]
    validators[0]["vote_key"] = vote_keys(7)[0].public.hex()
    assert told(changed(validators=validators)) == "BAD_GENESIS"


def _signatures() -> list[tuple[bytes, bytes, bytes]]:
    found = []
    for group in json.loads((VECTORS / "wycheproof_ed25519.json").read_text())["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            found.append((key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])))
    for case in json.loads((VECTORS / "ed25519_speccheck_cases.json").read_text()):
        parts = (case["pub_key"], case["signature"], case["message"])
        found.append(tuple(bytes.fromhex(part) for part in parts))
    return found


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the public vectors are not at {VECTORS}")
@pytest.mark.parametrize("engine", engines())
def test_the_script_accepts_the_signatures_that_the_ledger_accepts(
    engine: str, tmp_path: Path
) -> None:
    cases = _signatures()
    told = verdicts(
        engine,
        tmp_path,
        {"genesis": GENESIS_TEXT, "signatures": [hexes(case) for case in cases]},
    )
    expected = [verify(key, data, signature) for key, signature, data in cases]
    assert True in expected and False in expected
    assert told["signatures"] == expected
