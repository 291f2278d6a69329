"""Alarms that the node raised, and evidence against guarantors that it holds."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from ledger.block import Vote, VoteKind
from ledger.codec import encode
from ledger.evidence import DoubleVote
from ledger.store.interface import ChainReader
from node.api.context import Api
from node.api.handle import RaisedAlarm
from node.api.models import AlarmsAnswer, AlarmView, EvidenceAnswer, EvidenceView, WatchView
from node.api.schema import answers
from node.api.words import moment, respond


def routes(api: Api) -> APIRouter:
    """``/v1/alarms`` and ``/v1/evidence``."""
    router = APIRouter(prefix="/v1", tags=["node"])

    @router.get("/alarms", summary="Alarms", openapi_extra=answers(AlarmsAnswer))
    async def alarms() -> Response:
        """What went wrong: violations, divergence and evidence, on a follower for ever."""
        watch = api.node.watch
        return respond(
            AlarmsAnswer(
                height=api.node.head().height,
                alarms=[_alarm(alarm) for alarm in api.node.alarms],
                watch=None if watch is None else WatchView(**asdict(watch)),
            )
        )

    @router.get("/evidence", summary="Evidence", openapi_extra=answers(EvidenceAnswer))
    async def evidence() -> Response:
        """Proofs that a guarantor signed two votes that exclude each other."""
        with api.snapshot() as (reader, head):
            views = [_evidence(reader, proof) for proof in api.node.evidence]
        return respond(EvidenceAnswer(height=head.height, evidence=views))

    return router


def _alarm(alarm: RaisedAlarm) -> AlarmView:
    facts = asdict(alarm)
    return AlarmView(raised=moment(facts.pop("raised_ms")), **facts)


def _evidence(reader: ChainReader, proof: DoubleVote) -> EvidenceView:
    vote = proof.first
    validators = reader.validators(vote.epoch)
    known = validators is not None and vote.signer < validators.size
    validator = validators.validators[vote.signer] if validators is not None and known else None
    return EvidenceView(
        validator=vote.signer,
        name="" if validator is None else validator.name,
        party="" if validator is None else validator.party,
        epoch=vote.epoch,
        view=vote.view,
        votes=[vote_words(proof.first), vote_words(proof.second)],
        proof=encode(proof).hex(),
    )


def vote_words(vote: Vote) -> str:
    """What a vote says, as people write it."""
    if vote.kind is VoteKind.NULLIFY:
        return "nullify"
    return f"{vote.kind.name.lower()} {vote.block.hex()}"
