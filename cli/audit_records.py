"""Records of the state in words: what a proof of one says, for whoever was handed the file."""

from __future__ import annotations

from cli import output
from cli.errors import BAD_MOMENT
from contracts.framework.party import HOLDERS, KEYRING, PARTY
from contracts.framework.posting import BALANCE, kind_of
from contracts.framework.types import lei_problem
from ledger.errors import MALFORMED, CodedError
from ledger.policy import KeyStatus


def key_of(kind: str, name: str, unit: str | None = None) -> bytes:
    """The state's key of a member, its keys, an account, or a record by its key in hexadecimal."""
    if kind == "record":
        try:
            return bytes.fromhex(name)
        except ValueError:
            raise CodedError(MALFORMED, "a record's key is in hexadecimal", field="name") from None
    if kind == "account":
        try:
            return BALANCE.key(name, unit or kind_of(name).unit.value)
        except (KeyError, IndexError):
            what = f"{name!r} is no account: an owner, /, and a kind like avail"
            raise CodedError(BAD_MOMENT, what, field="name") from None
    problem = lei_problem(name)
    if problem:
        raise CodedError(MALFORMED, problem, field="name")
    return (PARTY if kind == "member" else KEYRING).key(name)


def words_of(key: bytes, value: bytes | None, time: int) -> str:
    """What a record says at a time (ms), in a sentence without its full stop."""
    if key.startswith(PARTY.prefix):
        lei = _text(key, PARTY.prefix)
        if value is None:
            return f"nobody with the LEI {lei} is in the register"
        party = PARTY.decode(value)
        since = f" since {output.moment(party.since)}" if party.since else ""
        member = "a member" if party.state in HOLDERS else "no member"
        return f"{lei} ({party.profile.name}) is {member}: {party.state.value}{since}"
    if key.startswith(KEYRING.prefix):
        return _keys(_text(key, KEYRING.prefix), value, time)
    if key.startswith(BALANCE.prefix):
        account, unit, _ = key[len(BALANCE.prefix) :].decode().split("\0")
        if value is None:
            return f"account {account} has never been used in {unit}"
        balance = BALANCE.decode(value)
        return (
            f"account {account} stands at {balance.amount:,} minor units of {unit} after "
            f"{balance.count:,} postings"
        )
    return "the record is absent" if value is None else "the record is present"


def _keys(lei: str, value: bytes | None, time: int) -> str:
    if value is None:
        return f"{lei} has no keys in the register"
    words = []
    for key in KEYRING.decode(value).keys:
        valid = key.status is KeyStatus.ACTIVE and key.valid_from <= time < key.expires
        word = "valid" if valid else "not valid"
        words.append(f"{key.name} {key.public_key.hex()[:16]}… ({key.role}) {word}")
    return f"{lei} has the keys " + ", ".join(words)


def _text(key: bytes, prefix: bytes) -> str:
    return key[len(prefix) :].rstrip(b"\0").decode()
