"""The OpenAPI 3.1 document, from the table of routes and the types that they name."""

from typing import Any

import msgspec

import fairlead
from fairlead.net.answers import ErrorBody
from fairlead.web.routes import ROUTES, Route

_REFERENCE = "#/components/schemas/{name}"


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Every error of the API."""

    error: ErrorBody


def document() -> dict[str, Any]:
    """Return the document."""
    types = {route.answer for route in ROUTES if not isinstance(route.answer, str)} | {ErrorAnswer}
    types |= {route.body for route in ROUTES if route.body}
    ordered = sorted(types, key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    by_type = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fairlead", "version": fairlead.__version__, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    content = {route.answer: {"schema": {"type": "string"}}} if isinstance(route.answer, str) else None
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "security": [] if route.open else [{}, {"token": []}],
        "responses": {
            "200": {"description": "OK", "content": content or {"application/json": {"schema": schemas[route.answer]}}},
            "default": {"description": "An error", "content": {"application/json": {"schema": schemas[ErrorAnswer]}}},
        },
    }
    if names := _parameters(route):
        found["parameters"] = names
    if route.body:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas[route.body]}}}
    return found


def _parameters(route: Route) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(route.parameters)
    described = schema["$defs"][route.parameters.__name__]
    return [
        {"name": name, "in": "query", "required": name in described.get("required", ()), "schema": kind}
        for name, kind in described["properties"].items()
    ]
