"""The guarantors' nodes: who decides, who waits, when certificates end, and recorded faults."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from contracts.validators.records import IN_OFFICE, Node, Offence
from contracts.validators.views import end_planned, nodes, offences
from contracts.verifier import validators_after
from ledger.codec import encode
from ledger.state import State
from ledger.validators import ValidatorSet
from node.api.alarms import vote_words
from node.api.context import Api
from node.api.models import EntryView, FaultView, ValidatorsAnswer
from node.api.schema import answers
from node.api.words import moment, respond
from node.certificate import expiry_ms


def routes(api: Api) -> APIRouter:
    """``/v1/validators``."""
    router = APIRouter(prefix="/v1", tags=["node"])

    @router.get("/validators", summary="Validators", openapi_extra=answers(ValidatorsAnswer))
    async def validators() -> Response:
        """Every guarantor's node and its part in consensus, the epoch, and proven faults."""
        with api.snapshot() as (reader, head):
            state = State(reader)
            sitting = validators_after(reader, head)
            return respond(
                ValidatorsAnswer(
                    height=head.height,
                    epoch=sitting.epoch,
                    since=reader.validators_since(sitting.epoch) or 0,
                    ends=end_planned(state),
                    quorum=sitting.quorum,
                    tolerated=sitting.faults,
                    nodes=[_entry(node, sitting) for node in nodes(state)],
                    faults=[_fault(offence) for offence in offences(state)],
                )
            )

    return router


def _entry(node: Node, sitting: ValidatorSet) -> EntryView:
    entry, expires = node.validator, expiry_ms(node.validator.certificate)
    return EntryView(
        party=node.party,
        name=entry.name,
        country=entry.country,
        state=node.state.value,
        index=sitting.index_of(entry.vote_key) if node.state in IN_OFFICE else None,
        vote_key=entry.vote_key.hex(),
        following=None if node.following is None else node.following.vote_key.hex(),
        address=entry.address,
        certificate_expires=None if expires is None else moment(expires),
    )


def _fault(offence: Offence) -> FaultView:
    first, second = offence.proof.first, offence.proof.second
    return FaultView(
        party=offence.party,
        vote_key=offence.vote_key.hex(),
        epoch=first.epoch,
        view=first.view,
        votes=[vote_words(first), vote_words(second)],
        reporter=offence.reporter,
        recorded_at=offence.height,
        proof=encode(offence.proof).hex(),
    )
