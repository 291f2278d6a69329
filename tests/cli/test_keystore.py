"""The keystore gives keys to the right password only, and notices every change to its file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cli.files import write_private
from cli.keystore import Kdf, Keystore, read_header
from ledger.errors import CodedError
from ledger.keys import PrivateKey

CHEAP = Kdf(operations=1, memory_kib=8 * 1024)
PASSWORD = "correct horse battery"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wallet" / "member.keystore"


@pytest.fixture
def store(path: Path) -> Keystore:
    keys = {"director": PrivateKey(b"d" * 32), "clerk": PrivateKey(b"c" * 32)}
    return Keystore.create(path, PASSWORD, keys, label="Ural Gear", kdf=CHEAP)


def code_of(error: pytest.ExceptionInfo[CodedError]) -> str:
    return error.value.code.name


def test_the_right_password_gives_the_keys_back(store: Keystore, path: Path) -> None:
    opened = Keystore.open(path, PASSWORD)
    assert {n: k.public for n, k in opened.keys().items()} == {
        n: k.public for n, k in store.keys().items()
    }
    assert opened.key("clerk").seed() == b"c" * 32


def test_a_wrong_password_gives_nothing(store: Keystore, path: Path) -> None:
    with pytest.raises(CodedError) as error:
        Keystore.open(path, PASSWORD + " ")
    assert code_of(error) == "BAD_PASSWORD"


def test_a_password_typed_in_decomposed_unicode_is_the_same_password(path: Path) -> None:
    Keystore.create(path, "Schl\u00fcssel!", {"k": PrivateKey(b"k" * 32)}, kdf=CHEAP)
    assert Keystore.open(path, "Schlu\u0308ssel!").keys()


def test_public_keys_are_listed_without_the_password(store: Keystore, path: Path) -> None:
    header = read_header(path)
    assert header.label == "Ural Gear"
    assert [e.name for e in header.entries] == ["director", "clerk"]
    assert header.named("clerk").public == store.key("clerk").public


def test_the_file_is_private_and_holds_no_seed_in_clear(store: Keystore, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    raw = path.read_text()
    assert (b"d" * 32).hex() not in raw and (b"c" * 32).hex() not in raw
    assert (b"d" * 32).hex() not in repr(store) + repr(store.key("director"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644])
def test_a_file_that_others_reach_is_not_used(store: Keystore, path: Path, mode: int) -> None:
    path.chmod(mode)
    for use in (lambda: Keystore.open(path, PASSWORD), lambda: read_header(path)):
        with pytest.raises(CodedError) as error:
            use()
        assert code_of(error) == "FILE_MODE"
        assert f"chmod 600 {path}" in error.value.message


def test_a_missing_file_is_told_from_a_damaged_one(path: Path) -> None:
    with pytest.raises(CodedError) as error:
        Keystore.open(path, PASSWORD)
    assert code_of(error) == "FILE_MISSING"


def test_an_existing_file_is_never_overwritten(store: Keystore, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(CodedError) as error:
        Keystore.create(path, "another password", {}, kdf=CHEAP)
    assert code_of(error) == "FILE_EXISTS"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path], "no temporary file stays behind"


def _replace_in(document: dict[str, object], where: tuple[str | int, ...], value: object) -> None:
    target: object = document
    for step in where[:-1]:
        target = target[step]  # type: ignore[index]
    target[where[-1]] = value  # type: ignore[index]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("label",), "Somebody Else"),
        (("keys", 0, "name"), "treasurer"),
        (("keys", 0, "public"), PrivateKey(b"x" * 32).public.hex()),
        (("kdf", "operations"), 2),
        (("kdf", "memory_kib"), 9 * 1024),
        (("kdf", "salt"), "00" * 16),
        (("cipher", "nonce"), "00" * 24),
        (("sealed",), "00" * 96),
        (("sealed",), ""),
    ],
)
def test_every_changed_field_is_noticed(
    store: Keystore, path: Path, where: tuple[str | int, ...], value: object
) -> None:
    document = json.loads(path.read_text())
    _replace_in(document, where, value)
    path.write_text(json.dumps(document))
    with pytest.raises(CodedError) as error:
        Keystore.open(path, PASSWORD)
    assert code_of(error) in {"BAD_PASSWORD", "KEYSTORE_DAMAGED"}


def test_swapped_keys_are_noticed(store: Keystore, path: Path) -> None:
    document = json.loads(path.read_text())
    document["keys"].reverse()
    path.write_text(json.dumps(document))
    with pytest.raises(CodedError):
        Keystore.open(path, PASSWORD)


@pytest.mark.parametrize("flip", range(0, 160, 13))
def test_every_flipped_bit_of_the_secrets_is_noticed(
    store: Keystore, path: Path, flip: int
) -> None:
    document = json.loads(path.read_text())
    sealed = bytearray.fromhex(document["sealed"])
    sealed[flip // 2 % len(sealed)] ^= 1 << flip % 8
    document["sealed"] = sealed.hex()
    path.write_text(json.dumps(document))
    with pytest.raises(CodedError) as error:
        Keystore.open(path, PASSWORD)
    assert code_of(error) == "BAD_PASSWORD"


@pytest.mark.parametrize(
    ("operations", "memory_kib"), [(0, 8192), (17, 8192), (1, 4096), (1, 1 << 30)]
)
def test_a_hostile_file_cannot_ask_for_unbounded_work(
    store: Keystore, path: Path, operations: int, memory_kib: int
) -> None:
    document = json.loads(path.read_text())
    document["kdf"] |= {"operations": operations, "memory_kib": memory_kib}
    path.write_text(json.dumps(document))
    with pytest.raises(CodedError) as error:
        Keystore.open(path, PASSWORD)
    assert code_of(error) == "KEYSTORE_DAMAGED"


@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=60)
def test_arbitrary_files_are_refused_with_a_code(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "k"
    write_private(path, raw, exclusive=True)
    with pytest.raises(CodedError) as error:
        read_header(path)
    assert code_of(error) == "KEYSTORE_DAMAGED"


@given(
    damage=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
    field=st.sampled_from(["format", "version", "label", "kdf", "cipher", "keys", "sealed"]),
)
@settings(max_examples=80)
def test_a_field_of_another_type_is_refused_with_a_code(
    tmp_path_factory: pytest.TempPathFactory, damage: object, field: str
) -> None:
    path = tmp_path_factory.mktemp("types") / "k"
    Keystore.create(path, PASSWORD, {"k": PrivateKey(b"k" * 32)}, kdf=CHEAP)
    document = json.loads(path.read_text())
    assume(document[field] != damage)
    document[field] = damage
    path.write_text(json.dumps(document))
    with pytest.raises(CodedError):
        Keystore.open(path, PASSWORD)


def test_adding_a_key_keeps_the_others_and_takes_a_fresh_salt(store: Keystore, path: Path) -> None:
    salt = store.header.salt
    store.add("treasurer", PrivateKey(b"t" * 32))
    opened = Keystore.open(path, PASSWORD)
    assert list(opened.keys()) == ["director", "clerk", "treasurer"]
    assert opened.key("director").seed() == b"d" * 32
    assert opened.header.salt != salt


def test_a_name_or_a_key_enters_once(store: Keystore) -> None:
    with pytest.raises(CodedError) as error:
        store.add("clerk", PrivateKey(b"n" * 32))
    assert code_of(error) == "KEY_EXISTS"
    with pytest.raises(CodedError) as error:
        store.add("another", PrivateKey(b"c" * 32))
    assert code_of(error) == "KEY_EXISTS"


@pytest.mark.parametrize("name", ["", "UPPER", "a b", "../x", "-x", "x" * 65, "ключ"])
def test_names_of_keys_are_plain(store: Keystore, name: str) -> None:
    with pytest.raises(CodedError):
        store.add(name, PrivateKey(b"n" * 32))


def test_a_changed_password_replaces_the_old_one(store: Keystore, path: Path) -> None:
    store.change_password("another password")
    assert Keystore.open(path, "another password").key("clerk").seed() == b"c" * 32
    with pytest.raises(CodedError) as error:
        Keystore.open(path, PASSWORD)
    assert code_of(error) == "BAD_PASSWORD"


def test_an_unknown_key_names_those_there_are(store: Keystore) -> None:
    with pytest.raises(CodedError) as error:
        store.key("chairman")
    assert code_of(error) == "NO_SUCH_KEY"
    assert "director, clerk" in error.value.message
