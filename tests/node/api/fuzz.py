"""``make test-api-fuzz``: schemathesis asks a served node all that its OpenAPI document offers.

The node is the API tests' vehicle: a real store, real blocks, the real application and server.
The seed is fixed, so that a run can be repeated; ``--seed`` takes another.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

_TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(_TESTS.parent), str(_TESTS / "contracts"), str(Path(__file__).parent)]

from serving import served  # noqa: E402
from single_node import PAYEE, PAYER, SingleNode, demo_genesis  # noqa: E402

from node.api.settings import ApiSettings  # noqa: E402

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
ENDLESS = ("/v1/events",)
"""Streams do not end; their own tests read them."""


async def fuzz(seed: int, examples: int) -> int:
    """Run schemathesis against a node that is up for as long; its exit code."""
    node = SingleNode(demo_genesis(), auto=True)
    for amount in range(1, 20):
        await node.submit([node.pay(PAYER, PAYEE, amount)])
    # Waits are cut short: what is asked here never comes.
    settings = ApiSettings(request_burst=10**9, max_wait_s=0.05, proof_wait_s=0.05, lane_rest=0.01)
    async with served(node, settings) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/v1/openapi.json"),
            *("--checks", ",".join(CHECKS), "--seed", str(seed), "--max-examples", str(examples)),
            *("--phases", "examples,coverage,fuzzing", "--max-failures", "20"),
            *("--exclude-path", ENDLESS[0], "--no-color", "--generation-database", "none"),
        )
        return await process.wait()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fuzz the API by its OpenAPI document.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=10, help="per operation")
    given = parser.parse_args()
    return asyncio.run(fuzz(given.seed, given.examples))


if __name__ == "__main__":
    sys.exit(main())
