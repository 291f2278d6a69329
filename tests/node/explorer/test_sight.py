"""What an annex contains is for those who were given its key, on their own machines alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from played import PlayedNode
from served import served

from cli.annexview import Document, Listed, Reader
from cli.keystore import Keystore
from cli.profile import Profile
from cli.wallet import wallet
from cli.wallet.annex import open_document, secrets_of
from cli.wallet.explorer import _reader
from cli.wallet.session import Session
from contracts.framework.party import KEYRING
from ledger.keys import PrivateKey
from ledger.state import State
from node.api.app import create_app
from node.explorer.sessions import CHALLENGE_S, SESSION_S, Login, Sessions, login_bytes

READER, OTHER = "guarantor-cn", "guarantor-ru"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedNode]:
    made = PlayedNode(tmp_path_factory.mktemp("played"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(node: PlayedNode) -> Iterator[str]:
    app = create_app(node, clock_ms=lambda: node.now)
    app.state.explorer.index.catch_up()
    with served(app) as found:
        yield found


def lei_of(node: PlayedNode, identity: str) -> str:
    return node.cast.player(identity).lei


def key_of(node: PlayedNode, identity: str) -> PrivateKey:
    """A key of the keyring that may sign now."""
    with node.store.snapshot() as reader:
        keyring = State(reader).get(KEYRING, lei_of(node, identity))
    assert keyring is not None
    known = {key.public_key for key in keyring.keys if key.usable(node.now)}
    made = (node.cast.derive(identity, key.name) for key in keyring.keys)
    return next(key for key in made if key.public in known)


def annex_of(node: PlayedNode) -> Any:
    return node.stage.script.cabinet.annexes["rebates"]


@pytest.fixture
def profile(node: PlayedNode, address: str, tmp_path: Path) -> list[str]:
    """Options of the reader's wallet: keystores, a password file, the genesis file."""
    password = tmp_path / "password"
    password.write_text("correct horse battery")
    password.chmod(0o600)
    store = tmp_path / "keys"
    Keystore.create(store, "correct horse battery", {"director": key_of(node, READER)})
    secret = node.cast.derive(READER, "encryption")
    hidden = tmp_path / "keys.encryption"
    Keystore.create(hidden, "correct horse battery", {"encryption-1": secret})
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(node.genesis_file)
    (tmp_path / "rebates.annex").write_bytes(annex_of(node).data)
    return [
        *("--node", address, "--genesis", str(genesis), "--as", lei_of(node, READER)),
        *("--keystore", str(store), "--password-file", str(password)),
    ]


def _code(page: str) -> str:
    found = re.search(r"explorer login ([A-Z2-9]+)<", page)
    assert found is not None
    return found[1]


def test_a_wallet_logs_its_browser_in_and_no_other(
    node: PlayedNode, address: str, profile: list[str]
) -> None:
    annex = f"/en/annexes/{annex_of(node).commitment.hex()}"
    mine, stranger = httpx.Client(base_url=address), httpx.Client(base_url=address)
    code = _code(mine.get("/en/login").text)
    assert _code(mine.get("/ru/login").text) == code
    assert _code(stranger.get("/en/login").text) != code
    assert "Log in with your wallet" in mine.get(annex).text
    done = CliRunner().invoke(wallet, ["explorer", "login", code, "--no-reader", *profile])
    assert done.exit_code == 0, done.output
    assert "You are logged in as" in mine.get("/en/login").text
    page = mine.get(annex)
    assert page.headers["cache-control"] == "no-store"
    assert "Yours to read" in page.text and "rebates" in mine.get("/en/annexes").text.lower()
    assert b"3 percent" not in page.content
    # Neither the code nor what another browser keeps lets anybody else in.
    assert "Yours to read" not in stranger.get(annex).text
    assert httpx.get(f"{address}/explorer/login/{code}").status_code == 404
    mine.get("/en/login?out=1")
    assert "Log in with your wallet" in mine.get(annex).text


def test_a_party_without_a_grant_is_told_so_and_sees_no_sealed_key(
    node: PlayedNode, address: str
) -> None:
    browser = httpx.Client(base_url=address)
    code = _code(browser.get("/en/login").text)
    _sign(node, browser, code, OTHER)
    assert "You are logged in as" in browser.get("/en/login").text
    page = browser.get(f"/en/annexes/{annex_of(node).commitment.hex()}").text
    assert "Nobody has given" in page and "Key sealed for you" not in page


def _sign(node: PlayedNode, browser: httpx.Client, code: str, identity: str, **more: Any) -> int:
    nonce = bytes.fromhex(browser.get(f"/explorer/login/{code}").json()["nonce"])
    key, lei = key_of(node, identity), lei_of(node, identity)
    signature = key.sign(login_bytes(node.chain_id, nonce, lei, key.public))
    body = {"party": lei, "key": key.public.hex(), "signature": signature.hex(), **more}
    return browser.post(f"/explorer/login/{code}", json=body).status_code


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"signature": "00" * 64}, 401),
        ({"signature": "zz"}, 400),
        ({"key": "00" * 32}, 400),
        ({"party": "DEMO00RUURALGEAR0110"}, 400),
        ({"party": "nobody\0"}, 400),
        ({"reader": "80/../../elsewhere"}, 400),
        ({"reader": 5}, 400),
    ],
)
def test_what_is_not_signed_by_a_key_of_the_party_logs_nobody_in(
    node: PlayedNode, address: str, change: dict[str, Any], status: int
) -> None:
    browser = httpx.Client(base_url=address)
    code = _code(browser.get("/en/login").text)
    assert _sign(node, browser, code, READER, **change) == status
    assert "You are logged in as" not in browser.get("/en/login").text
    assert _sign(node, browser, code, READER) == 204


def test_a_session_ends_with_its_time_and_with_its_key(node: PlayedNode) -> None:
    now = [0.0]
    sessions = Sessions(node.chain_id, lambda: now[0])
    key, lei = key_of(node, READER), lei_of(node, READER)
    with node.store.snapshot() as reader:
        state = State(reader)
        keyring = state.get(KEYRING, lei)
        assert keyring is not None
        expires = next(k.expires for k in keyring.keys if k.public_key == key.public)
        browser, code = sessions.ask("")
        signed = key.sign(login_bytes(node.chain_id, sessions.challenge(code), lei, key.public))
        login = Login(party=lei, key=key.public.hex(), signature=signed.hex())
        sessions.sign(code, login, state, node.now)
        assert sessions.begin("another") is None
        secret = sessions.begin(browser)
        assert secret is not None and sessions.begin(browser) is None
        assert sessions.who(secret, state, expires - 1) is not None
        assert sessions.who(secret, state, expires) is None
        now[0] = SESSION_S
        assert sessions.who(secret, state, node.now) is None
        _, code = sessions.ask("")
        now[0] += CHALLENGE_S
        with pytest.raises(Exception, match="no such login"):
            sessions.challenge(code)


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader(
        lambda commitment: Document("<Rebates>", b"3 percent <script>", (("Salt", "ab"),)),
        lambda: [Listed("ab" * 32, "<Rebates>")],
    )
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_the_reader_answers_its_secret_address_alone_and_lets_nothing_run(reader: Reader) -> None:
    page = httpx.get(f"{reader.url}annex/{'ab' * 32}")
    assert page.status_code == 200
    assert "3 percent &lt;script&gt;" in page.text and "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert "&lt;Rebates&gt;" in httpx.get(reader.url).text
    guess = f"http://127.0.0.1:{reader.server_port}/{'x' * 32}/annex/{'ab' * 32}"
    assert httpx.get(guess).status_code == 404
    rebound = httpx.get(f"{reader.url}annex/{'ab' * 32}", headers={"Host": "evil.example"})
    assert rebound.status_code == 404 and "percent" not in rebound.text


def test_the_wallets_reader_opens_what_was_sealed_for_its_member(
    node: PlayedNode, profile: list[str], tmp_path: Path
) -> None:
    options = dict(zip(profile[::2], profile[1::2], strict=True))
    made = Profile(
        name="test",
        nodes=(options["--node"],),
        genesis=Path(options["--genesis"]),
        party=options["--as"],
        keystore=Path(options["--keystore"]),
        password_file=Path(options["--password-file"]),
    )
    session = Session(made)
    found = _reader(session, tmp_path)
    try:
        document = found.open(annex_of(node).commitment.hex())
        assert b"3 percent" in document.content
        assert [one.commitment for one in found.listed()] == [annex_of(node).commitment.hex()]
    finally:
        found.server_close()
    record, opened = open_document(session, tmp_path / "rebates.annex", secrets_of(session))
    assert record.commitment == annex_of(node).commitment
    assert opened.content == document.content
