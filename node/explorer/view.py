"""What a page sees while it is rendered: one unchanging state, the request, the language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from markupsafe import Markup

from contracts.framework.glossary import account_label, event_label, name_label
from contracts.framework.party import PARTY, Party
from contracts.framework.steps import life_text, step_label
from contracts.framework.vocabulary import field_label, heading
from ledger.block import Header
from ledger.errors import catalogue as catalogue_of_codes
from ledger.state import State
from ledger.store.interface import ChainReader
from node.api.describe import LEI_CHARS
from node.api.words import missing
from node.explorer.download import has_parquet
from node.explorer.index.reader import IndexReader
from node.explorer.language import catalogue
from node.explorer.sessions import SESSION_COOKIE, Sessions
from node.explorer.table import Shown, Table

if TYPE_CHECKING:
    from ledger.errors import CodedError
    from node.api.handle import NodeHandle


_FIELD: Final = re.compile(r"``([a-z_/]+)``")


class View:
    """One request to one page. Reads only; nothing of it outlives the request."""

    def __init__(
        self,
        node: NodeHandle,
        index: IndexReader,
        reader: ChainReader,
        head: Header,
        *,
        finality_ms: Sequence[int] = (),
        object_pages: Mapping[str, str],
        sessions: Sessions,
        cookies: Mapping[str, str],
        language: str,
        path: str,
        parameters: Mapping[str, Any],
        query: Mapping[str, str],
    ) -> None:
        self.node = node
        self.chain_id = node.chain_id
        self.index = index
        """Derived answers; they reflect ``index.height``, which may be a little below the head."""
        self.reader = reader
        self.state = State(reader)
        self.head = head
        self.finality_ms = finality_ms
        """From block time to final at this node, of the blocks that it saw lately."""
        self.language = language
        self.path = path
        """The page's address without the language: ``/blocks/7``."""
        self.parameters = parameters
        self.query = query
        self.base = reader.base
        """The lowest block whose transactions this node holds; 0 if it holds all of them."""
        self._object_pages = object_pages
        self.sessions = sessions
        self.cookies = cookies
        self.session = sessions.who(cookies.get(SESSION_COOKIE, ""), self.state, head.time)
        """The key holder who looks; None for everybody else."""
        self.memo: dict[object, Any] = {}
        """What was found out for one part of the page and serves another."""
        self.keep: dict[str, tuple[str, int]] = {}
        """What the browser shall keep: cookies by name, with their content and seconds."""
        self._parties: dict[str, Party | None] = {}

    # words ------------------------------------------------------------------------------------
    def text(self, message: str, **values: object) -> str:
        """A text of the explorer in the reader's language, with its ``%(name)s`` filled in."""
        told = catalogue(self.language).gettext(message)
        return told % values if values else told

    def label(self, name: str) -> str:
        """A name of the declarations (state, choice, kind, role) in the reader's language."""
        told = name_label(name, self.language)
        return self.text(name) if told == name else told

    def account_kind(self, name: str) -> str:
        """A kind of account in the reader's language."""
        return account_label(name, self.language)

    def event(self, name: str) -> str:
        """What an event is called in the reader's language."""
        return event_label(name, self.language)

    def step(self, event: str) -> str:
        """What a step of an object's life is called in the reader's language."""
        return step_label(event, self.language)

    def life_text(self, text: str) -> str:
        """Who causes a step, or how long a state lasts, in the reader's language."""
        return life_text(text, self.language)

    def field(self, name: str) -> str:
        """A field's name in the reader's language."""
        return field_label(name, self.language)

    def meaning(self, text: str) -> Markup:
        """What a declaration means, in the reader's language, with the names of its fields."""
        parts = _FIELD.split(self.text(text))
        named = ("/".join(map(self.field, names.split("/"))) for names in parts[1::2])
        fields = [Markup("<i>{}</i>").format(name) for name in named]
        return Markup("").join(
            x for pair in zip_longest(parts[::2], fields, fillvalue="") for x in pair
        )

    def refusal(self, code: str) -> str:
        """What a refusal's code means, in the reader's language."""
        known = catalogue_of_codes().get(code)
        return "" if known is None else self.text(known.meaning)

    def heading(self, name: str) -> str:
        """A field's name where it stands alone."""
        return heading(name, self.language)

    # parties ----------------------------------------------------------------------------------
    def party(self, lei: str) -> Party | None:
        """A party of the register; None if it is in none."""
        if lei not in self._parties:
            known = len(lei) == LEI_CHARS
            self._parties[lei] = self.state.get(PARTY, lei) if known else None
        return self._parties[lei]

    def name(self, lei: str) -> str:
        """A party's registered name; of what is no party, the text itself."""
        party = self.party(lei)
        return lei if party is None else party.profile.name

    # addresses --------------------------------------------------------------------------------
    def href(self, path: str, **query: object) -> str:
        """The address of a page in the reader's language."""
        address = f"/{self.language}{quote(path, safe='/')}".rstrip("/")
        given = {key: value for key, value in query.items() if value not in ("", None)}
        return f"{address}?{urlencode(given)}" if given else address

    def object_path(self, identity: bytes) -> str:
        """The page about an object: its machine's own, or the general one."""
        known = self.index.object(identity)
        own = "" if known is None else self._object_pages.get(known[1], "")
        return (own or "/objects/{id}").replace("{id}", identity.hex())

    def path_of(self, identity: bytes) -> str | None:
        """The page about an object or a transaction; None of what the ledger does not know."""
        if self.index.object(identity) is not None:
            return self.object_path(identity)
        if self.reader.find_transaction(identity) is not None:
            return f"/transactions/{identity.hex()}"
        return None

    def here(self, **changes: str) -> str:
        """This page's address with some of its query changed; empty values are left out."""
        return self.href(self.path, **{**self.query, **changes})

    def missing(self, what: str) -> CodedError:
        """The refusal for something that is not on the ledger; raise it."""
        return missing(what, self.head.height)

    # tables -----------------------------------------------------------------------------------
    def show(self, table: Table[Any], size: int | None = None) -> Shown:
        """The slice of a table that this request asks for, of its own size or another."""
        cursor = self.query.get(table.name, "")
        found = table.read(self, cursor, size or table.size)
        parquet = f"{table.name}.parquet" if has_parquet() else ""
        return Shown(
            table,
            found.rows,
            self.here(**{table.name: ""}) + f"#{table.name}" if cursor else "",
            self.here(**{table.name: found.next}) + f"#{table.name}" if found.next else "",
            self.here(**{table.name: "", "download": f"{table.name}.csv"}),
            self.here(**{table.name: "", "download": parquet}) if parquet else "",
            found.torn,
        )
