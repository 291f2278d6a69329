"""No client takes more than its rate, and the table of clients stays bounded."""

from hypothesis import given
from hypothesis import strategies as st

from node.api.guard import Rates, client_of


def test_an_idle_client_may_burst_and_then_gets_its_rate() -> None:
    rates = Rates(rate=10.0, burst=5, clients=10)
    assert [rates.take("a", 1, 0.0) for _ in range(5)] == [0.0] * 5
    assert rates.take("a", 1, 0.0) == 0.1
    assert rates.take("a", 1, 0.1) == 0.0
    assert rates.take("b", 1, 0.1) == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(1, 20)), max_size=200))
def test_no_client_ever_gets_more_than_burst_plus_rate(steps: list[tuple[float, int]]) -> None:
    rates = Rates(rate=10.0, burst=20, clients=10)
    now = taken = 0.0
    for pause, cost in steps:
        now += pause
        if rates.take("a", cost, now) == 0.0:
            taken += cost
    assert taken <= 20 + 10.0 * now + 1e-6


def test_only_so_many_clients_are_remembered() -> None:
    rates = Rates(rate=1.0, burst=1, clients=3)
    for client in "abcd":
        rates.take(client, 1, 0.0)
    assert len(rates._buckets) == 3
    assert rates.take("d", 1, 0.0) > 0


def test_one_network_of_version_six_is_one_client() -> None:
    assert client_of({"client": ("2001:db8::1", 1)}) == client_of({"client": ("2001:db8::f:2", 2)})
    assert client_of({"client": ("2001:db8:0:1::1", 1)}) != client_of(
        {"client": ("2001:db8::1", 1)}
    )
    assert client_of({"client": ("::ffff:192.0.2.7", 1)}) == "192.0.2.7"
    assert client_of({"client": None}) == "local"
