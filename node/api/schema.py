"""The OpenAPI document: FastAPI's paths and parameters, our structures, the contracts' operations.

Routes answer with msgspec structures, so their schemas come from msgspec rather than pydantic.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ledger.errors import catalogue
from node.api import models
from node.api.problems import PROBLEM_MEDIA_TYPE

REF = "#/components/schemas/{name}"


def reference(kind: type[models.View]) -> dict[str, str]:
    """A JSON schema reference to a structure's component."""
    return {"$ref": REF.format(name=kind.__name__)}


def answers(
    kind: type[models.View], meaning: str = "", *, status: int = 200, **more: Any
) -> dict[str, Any]:
    """``openapi_extra`` of a route that answers with ``kind``.

    ``more`` adds further parts of the operation, such as ``requestBody``.
    """
    text = meaning or (inspect.getdoc(kind) or "").split("\n\n")[0]
    content = {"application/json": {"schema": reference(kind)}}
    return {"responses": {str(status): {"description": text, "content": content}}, **more}


def answers_bytes(meaning: str, media_type: str) -> dict[str, Any]:
    """``openapi_extra`` of a route that answers with a file: opaque bytes, or a JSON object."""
    is_json = media_type == "application/json"
    schema = {"type": "object"} if is_json else {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema}}
    return {"responses": {"200": {"description": meaning, "content": content}}}


def document(app: FastAPI, operations: dict[str, Any]) -> dict[str, Any]:
    """The complete document; ``operations`` are JSON schemas by component name."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    result = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components.pop("HTTPValidationError", None)
    components.pop("ValidationError", None)
    kinds = [
        kind
        for _, kind in sorted(vars(models).items())
        if isinstance(kind, type) and issubclass(kind, models.View) and kind is not models.View
    ]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    components.update(schemas)
    components.update(operations)
    components["Problem"]["properties"]["code"]["enum"] = list(catalogue())
    problem = {
        "description": "Refused: problem details (RFC 9457) with a stable code.",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": reference(models.Problem)}},
    }
    for path in result["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            responses.pop("422", None)
            # FastAPI knows nothing of a Response's content and documents it as any JSON.
            plain = responses.get("200", {}).get("content", {})
            if plain.get("application/json") == {"schema": {}}:
                del plain["application/json"]
                if not plain:
                    del responses["200"]
            responses["default"] = problem
    app.openapi_schema = result
    return result
