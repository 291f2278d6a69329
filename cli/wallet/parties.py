"""From what people call a party to its LEI."""

from __future__ import annotations

from cli import calls
from cli.client import Client
from cli.errors import AMBIGUOUS_PARTY, NO_SUCH_PARTY
from contracts.framework.types import lei_problem
from ledger.errors import CodedError
from node.api.models import PartyView

_MOST_NAMED = 8


class Directory:
    """Names and LEIs, asked for once each.

    An LEI is taken as it is. A name fits a party whose name it is (in any case), else the one party
    whose name contains it; a name that fits several parties is an error, never a guess.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: dict[str, str] = {}

    def resolve(self, text: str) -> str:
        """The LEI; raises ``NO_SUCH_PARTY`` or ``AMBIGUOUS_PARTY``, naming the candidates."""
        wanted = text.strip()
        if not lei_problem(wanted.upper()):
            return wanted.upper()
        found = self._search(wanted)
        exact = [p for p in found if p.name.casefold() == wanted.casefold()]
        chosen = exact or found
        if not chosen:
            raise CodedError(
                NO_SUCH_PARTY, f"no party of the register is called {wanted!r}", field="party"
            )
        if len(chosen) > 1:
            listed = "; ".join(f"{p.name} {p.lei}" for p in chosen[:_MOST_NAMED])
            more = "" if len(chosen) <= _MOST_NAMED else " …"
            raise CodedError(
                AMBIGUOUS_PARTY,
                f"{wanted!r} fits {len(chosen)} parties, give the LEI: {listed}{more}",
                field="party",
            )
        return chosen[0].lei

    def name(self, lei: str) -> str:
        """The registered name, or the LEI itself if the register has none."""
        if lei not in self._names:
            try:
                self._names[lei] = self._client.do(calls.party(lei)).party.name
            except CodedError as error:
                if error.code.status != 404:  # HTTP's "not found"
                    raise
                self._names[lei] = lei
        return self._names[lei]

    def _search(self, text: str) -> list[PartyView]:
        found: list[PartyView] = []
        cursor = ""
        while len(found) <= _MOST_NAMED:
            page = self._client.do(calls.parties(text, cursor=cursor))
            found += page.parties
            cursor = page.next
            if not cursor:
                break
        self._names |= {p.lei: p.name for p in found}
        return found
