"""The OpenAPI document is complete and true, and every refusal is a problem with a code."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from ledger_in_memory import lei
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from contracts.accounts import AVAIL
from contracts.framework.operation import declarations
from ledger.errors import catalogue
from node.api.app import create_app

FILES = {"/metrics", "/v1/genesis", "/v1/events"}


@pytest.fixture
def document() -> dict[str, Any]:
    return create_app(SingleNode(demo_genesis())).openapi()


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


def test_every_operation_has_words_an_answer_and_a_problem(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            success = [r for code, r in operation["responses"].items() if code.startswith("2")]
            assert success, path
            for answer in success:
                [content] = answer["content"].values()
                assert content["schema"], path
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
            for parameter in operation.get("parameters", []):
                assert parameter["schema"], path


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_declared_operation_is_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {f"operation.{name}" for name in declarations()} <= set(schemas)
    for name in declarations():
        assert schemas[f"operation.{name}"], name


def test_the_document_names_every_code(document: dict[str, Any]) -> None:
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert codes == list(catalogue())


async def test_answers_fit_the_schemas_of_the_document(
    node: SingleNode, http: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    """Drift test: what is answered has exactly the documented fields and types."""
    wire = node.pay(PAYER, PAYEE, 5)
    await node.submit([wire])
    node.produce()
    values = {
        "id": node.identity(wire).hex(),
        "lei": lei(PAYER),
        "account": AVAIL.of(lei(PAYER)),
        "height": "1",
        "code": "BUSY",
    }
    checked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods or path in FILES or "objects/{id}" in path:
            continue
        content = methods["get"]["responses"]["200"]["content"].get("application/json")
        if content is None:
            continue
        url = path
        for name, value in values.items():
            url = url.replace("{" + name + "}", value)
        answer = await http.get(url)
        assert answer.status_code == 200, (url, answer.text)
        fits(answer.json(), content["schema"], document, url)
        checked += 1
    assert checked >= 15


def fits(value: Any, schema: dict[str, Any], document: dict[str, Any], where: str) -> None:
    """A small judge of the part of JSON Schema that our structures use."""
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        fits(value, target, document, where)
        return
    if "anyOf" in schema:
        for choice in schema["anyOf"]:
            try:
                fits(value, choice, document, where)
            except AssertionError:
                continue
            return
        raise AssertionError(f"{where}: {value!r} fits none of {schema['anyOf']}")
    if "enum" in schema:
        assert value in schema["enum"], where
        return
    kind = schema.get("type")
    if kind == "object":
        assert isinstance(value, dict), where
        properties = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), where
        for name, item in value.items():
            inner = properties.get(name, schema.get("additionalProperties"))
            if properties:
                assert name in properties, f"{where}.{name} is not documented"
            if isinstance(inner, dict):
                fits(item, inner, document, f"{where}.{name}")
    elif kind == "array":
        assert isinstance(value, list), where
        inner = schema.get("items")
        for at, item in enumerate(value):
            prefix = schema.get("prefixItems")
            chosen = prefix[at] if prefix else inner
            if isinstance(chosen, dict):
                fits(item, chosen, document, f"{where}[{at}]")
    elif kind is not None:
        expected = {
            "string": str,
            "integer": int,
            "boolean": bool,
            "null": type(None),
            "number": (int, float),
        }[kind]
        assert isinstance(value, expected), (where, value, kind)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NO_SUCH_RESOURCE"),
        ("PUT", "/v1/transactions", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/transactions/zz", 400, "BAD_REQUEST"),
        ("GET", f"/v1/transactions/{'z' * 64}", 400, "BAD_REQUEST"),
        ("GET", f"/v1/transactions/{'ab' * 32}/receipt", 404, "NO_SUCH_RESOURCE"),
        ("GET", "/v1/blocks?limit=0", 400, "BAD_REQUEST"),
        ("GET", "/v1/blocks?before=99999999999999999999", 400, "BAD_REQUEST"),
        ("GET", "/v1/parties/short", 400, "BAD_REQUEST"),
        ("GET", "/v1/parties?cursor=AAAA", 400, "BAD_CURSOR"),
        ("GET", "/v1/accounts/x/nothing/history", 400, "BAD_REQUEST"),
        ("GET", "/v1/objects/" + "ab" * 32, 404, "NO_SUCH_RESOURCE"),
        ("GET", "/v1/proofs/state/nothing", 400, "BAD_REQUEST"),
        ("GET", "/v1/errors/NOTHING", 404, "NO_SUCH_RESOURCE"),
        ("GET", "/v1/events?party=x", 400, "BAD_REQUEST"),
    ],
)
async def test_every_refusal_is_a_problem_with_a_stable_code(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await http.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]
    assert answer.headers["x-ledger-height"] == "0"


async def test_an_unforeseen_failure_tells_no_detail(
    node: SingleNode, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("secret path /etc/x")

    monkeypatch.setattr(node, "describe", fail)
    answer = await http.get("/v1/node")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
