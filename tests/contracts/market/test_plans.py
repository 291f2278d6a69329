"""Plans and cycles over the book: found outside the ledger, proved to it in integers."""

from __future__ import annotations

import networkx as nx
import pytest
from cast import violations
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_in_memory import CHAIN, Ledger, event, lei
from msgspec import structs
from trading import (
    ALTAI,
    BEARINGS,
    DAY,
    DON,
    ENGINES,
    SOLVER,
    UNION,
    URAL,
    VOLGA,
    demand,
    market,
    match_of,
    posted,
    supply,
)

from cli.solver.market import (
    barter_cycles,
    best_plan,
    cycle_proposal,
    proposal_of,
    solve,
)
from contracts.barter.terms import Ratio
from contracts.market.events import MatchProposed, PlanVerified
from contracts.market.operations import AgreeToMatch, ProposePlan
from contracts.market.optimal import flaw, worth_of
from contracts.market.parameters import MarketParameters
from contracts.market.plans import as_bytes
from contracts.market.records import Side
from contracts.market.views import book, books


def filled() -> Ledger:
    """A book in which the cheapest supply suits one demand only."""
    ledger = market()
    supply(ledger, URAL, 60, price=1_000, partners=("RU",))
    supply(ledger, ALTAI, 60, price=1_100)
    supply(ledger, DON, 100, price=1_400)
    demand(ledger, VOLGA, 50, country="RU")
    demand(ledger, UNION, 90, country="KZ")
    return ledger


def plan_for(ledger: Ledger) -> ProposePlan:
    (found,) = books(ledger.state)
    return proposal_of(found, best_plan(found, ledger.time + 1_000), CHAIN)


def test_the_cheapest_plan_is_verified_and_proposed_to_its_parties() -> None:
    ledger = filled()
    receipt = ledger.must(SOLVER, plan_for(ledger))
    told = event(receipt, PlanVerified)
    assert (told["quantity"], told["cost"]) == (140, 50 * 1_000 + 60 * 1_100 + 30 * 1_400)
    matches = [e[1] for e in receipt.events if e[0] == MatchProposed.__struct_config__.tag]
    assert len(matches) == told["matches"] == 3
    pairs = {match_of(ledger, id).parties: id for id in matches}
    pair = match_of(ledger, pairs[tuple(sorted((lei(URAL), lei(VOLGA))))])
    assert pair.plan == told["plan"] and pair.agreed == ()
    ledger.must(URAL, AgreeToMatch(pair.id))
    ledger.must(VOLGA, AgreeToMatch(pair.id))
    assert violations(ledger.state) == []


def test_a_plan_for_another_book_is_refused() -> None:
    ledger = filled()
    op = plan_for(ledger)
    supply(ledger, DON, 1, price=1_000)
    assert ledger.do(SOLVER, op).code == "BOOK_CHANGED"


def test_a_plan_that_serves_less_or_costs_more_has_no_proof() -> None:
    ledger = filled()
    op = plan_for(ledger)
    short = structs.replace(op, legs=op.legs[:-1])
    dear = structs.replace(
        op,
        legs=tuple(
            structs.replace(leg, quantity=leg.quantity - 1) if n == 1 else
            structs.replace(leg, quantity=leg.quantity + 1) if n == 2 else leg
            for n, leg in enumerate(op.legs)
        ),
    )  # fmt: skip
    over = structs.replace(op, legs=(structs.replace(op.legs[0], quantity=61), *op.legs[1:]))
    nobody = structs.replace(op, legs=(structs.replace(op.legs[0], supply=9), *op.legs[1:]))
    twice = structs.replace(op, legs=(*op.legs, op.legs[0]))
    cheap = structs.replace(op, supply_prices=tuple(b"" for _ in op.supply_prices))
    fewer = structs.replace(op, demand_prices=op.demand_prices[1:])
    for wrong in (short, dear, over, nobody, twice, cheap, fewer):
        assert ledger.do(SOLVER, wrong).code == "NOT_OPTIMAL"
    zero = structs.replace(op, supply_prices=(b"\0", *op.supply_prices[1:]))
    assert ledger.do(SOLVER, zero).code == "INVALID_TERMS"


def test_a_book_beyond_the_limit_is_refused_and_the_limit_is_named() -> None:
    ledger = market(MarketParameters(plan_entries=2))
    supply(ledger, URAL)
    supply(ledger, ALTAI)
    demand(ledger, VOLGA)
    receipt = ledger.do(SOLVER, plan_for(ledger))
    assert receipt.code == "OVER_BOOK" and "2" in receipt.reason


def test_prices_beyond_64_bits_have_a_proof_too() -> None:
    ledger = market()
    supply(ledger, URAL, 3, price=Ratio(4 * 10**14))
    supply(ledger, ALTAI, 3, price=Ratio(4 * 10**14 - 1))
    demand(ledger, VOLGA, 4, price=Ratio(4 * 10**14))
    told = event(ledger.must(SOLVER, plan_for(ledger)), PlanVerified)
    assert told["cost"] == 3 * (4 * 10**14 - 1) + 4 * 10**14


@st.composite
def networks(
    draw: st.DrawFn,
) -> tuple[list[int], list[int], list[int], list[tuple[int, int]]]:
    """Supplies, demands, costs, and the pairs that fit."""
    supplies = draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    demands = draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    costs = draw(st.lists(st.integers(0, 30), min_size=len(supplies), max_size=len(supplies)))
    everything = [(i, j) for i in range(len(supplies)) for j in range(len(demands))]
    fits = draw(st.lists(st.booleans(), min_size=len(everything), max_size=len(everything)))
    return supplies, demands, costs, [p for p, f in zip(everything, fits, strict=True) if f]


@settings(max_examples=150, deadline=None)
@given(networks(), st.booleans())
def test_every_best_plan_has_a_proof_and_is_as_cheap_as_an_independent_solver_finds(
    network: tuple[list[int], list[int], list[int], list[tuple[int, int]]], huge: bool
) -> None:
    supplies, demands, costs, pairs = network
    costs = [cost * 10**17 for cost in costs] if huge else costs
    worth = worth_of(costs, len(demands))
    solution = solve(supplies, demands, worth, pairs)
    fits = set(pairs)
    why = flaw(
        supplies, demands, worth, lambda i, j: (i, j) in fits,
        solution.flows, solution.supply_prices, solution.demand_prices,
    )  # fmt: skip
    assert why == ""
    quantity = sum(f.quantity for f in solution.flows)
    cost = sum(f.quantity * costs[f.supply] for f in solution.flows)
    assert (quantity, cost) == independently(supplies, demands, costs, pairs)


def independently(
    supplies: list[int], demands: list[int], costs: list[int], pairs: list[tuple[int, int]]
) -> tuple[int, int]:
    """The greatest quantity and its least cost, by another formulation."""
    graph = nx.DiGraph()
    for i, quantity in enumerate(supplies):
        graph.add_edge("s", ("S", i), capacity=quantity, weight=costs[i])
    for j, quantity in enumerate(demands):
        graph.add_edge(("D", j), "t", capacity=quantity, weight=0)
    for i, j in pairs:
        graph.add_edge(("S", i), ("D", j), weight=0)
    flow = nx.max_flow_min_cost(graph, "s", "t")
    return sum(flow["s"].values()), int(nx.cost_of_flow(graph, flow))


@settings(max_examples=60, deadline=None)
@given(networks(), st.data())
def test_no_plan_that_is_worse_has_a_proof(
    network: tuple[list[int], list[int], list[int], list[tuple[int, int]]], data: st.DataObject
) -> None:
    supplies, demands, costs, pairs = network
    worth = worth_of(costs, len(demands))
    solution = solve(supplies, demands, worth, pairs)
    if not solution.flows:
        return
    dropped = data.draw(st.integers(0, len(solution.flows) - 1))
    flows = [f for n, f in enumerate(solution.flows) if n != dropped]
    prices = data.draw(
        st.lists(st.integers(0, 500), min_size=len(supplies), max_size=len(supplies))
    )
    fits = set(pairs)
    for supply_prices in (prices, solution.supply_prices):
        why = flaw(
            supplies, demands, worth, lambda i, j: (i, j) in fits,
            flows, supply_prices, solution.demand_prices,
        )  # fmt: skip
        assert why


@pytest.mark.parametrize("number", [0, 1, 255, 256, 2**64, 2**200])
def test_prices_are_written_in_one_way(number: int) -> None:
    assert int.from_bytes(as_bytes(number), "big") == number
    assert as_bytes(number)[:1] != b"\0"


def test_two_and_three_way_cycles_are_found_and_accepted() -> None:
    ledger = market()
    third = "870899"
    for who, gives, takes in (
        (URAL, BEARINGS, third),
        (VOLGA, ENGINES, BEARINGS),
        (ALTAI, third, ENGINES),
    ):
        supply(ledger, who, 100, hs=gives, price=1_000)
        demand(ledger, who, 60, hs=takes)
    supply(ledger, DON, 10, hs=BEARINGS, price=Ratio(4_001, 4))
    demand(ledger, DON, 90, hs=ENGINES)
    found = barter_cycles(book(ledger.state), ledger.time, 500)
    assert [(len(c.legs), c.cleared) for c in found] == [(3, 60_000), (2, 10_000)]
    assert found[1].gap == 2
    for cycle in found:
        receipt = ledger.must(SOLVER, cycle_proposal(cycle))
        assert event(receipt, MatchProposed)["kind"] == "cycle"
    assert violations(ledger.state) == []


def test_what_cannot_be_balanced_is_no_cycle() -> None:
    ledger = market()
    supply(ledger, URAL, 1, price=1_000)
    demand(ledger, VOLGA, 1)
    supply(ledger, VOLGA, 1, hs=ENGINES, price=1_400)
    demand(ledger, URAL, 1, hs=ENGINES)
    posted(ledger, URAL, Side.DEMAND, 5, hs="870899", days=60, stands=30)
    assert barter_cycles(book(ledger.state), ledger.time, 500) == []
    assert DAY
