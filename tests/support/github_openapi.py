"""GitHub's own description of its API, and whether a request and its answer are as it says.

The document is that of the npm package `@octokit/openapi`; `scripts/bootstrap test` gets it. A request has
to be whole. An answer may be a part of GitHub's: each key that it has must be one of theirs, of their type.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tests.support import skips

FILE = Path(__file__).resolve().parents[2] / ".venv" / "github-openapi" / "api.github.com.json"
NEEDED = pytest.mark.skipif(
    not FILE.is_file(), reason=skips.reason("GitHub's OpenAPI document", "scripts/bootstrap test")
)
READ: Mapping[Any, Callable[[str], Any]] = {
    "integer": int,
    "boolean": lambda text: {"true": True, "false": False}[text],
}
Errors = Iterator[jsonschema.ValidationError]


@functools.cache
def contract() -> Contract:
    """The document, read once."""
    return Contract(json.loads(FILE.read_text()))


def _no_unknown_keys(validator: Any, known: Mapping[str, Any], instance: Any, schema: Any) -> Errors:
    yield from OAS30Validator.VALIDATORS["properties"](validator, known, instance, schema)
    if isinstance(instance, dict) and not schema.get("additionalProperties"):
        for key in instance.keys() - known.keys():
            yield jsonschema.ValidationError(f"there is no `{key}`")


def _all_of(validator: Any, schemas: list[Any], instance: Any, _schema: Any) -> Errors:
    """Put together: each of them knows some of the keys alone."""
    parts = [
        validator._resolver.lookup(each["$ref"]).contents if "$ref" in each else each for each in schemas
    ]
    if all("properties" in each for each in parts):
        keys = {key: value for each in parts for key, value in each["properties"].items()}
        required = [key for each in parts for key in each.get("required", ())]
        parts = [{"type": "object", "properties": keys, **({"required": required} if required else {})}]
    for each in parts:
        yield from validator.descend(instance, each)


def _nothing(*_: Any) -> Errors:
    yield from ()


KNOWN = {"properties": _no_unknown_keys, "allOf": _all_of}
Whole: Any = jsonschema.validators.extend(OAS30Validator, KNOWN)
# without what must be there, one document may be several of a choice
Part: Any = jsonschema.validators.extend(
    OAS30Validator, {**KNOWN, "required": _nothing, "oneOf": OAS30Validator.VALIDATORS["anyOf"]}
)


@dataclass(frozen=True, eq=False)
class Contract:
    """The operations of the API."""

    document: Mapping[str, Any]

    def faults(self, method: str, url: str, sends: Any, status: int, answer: Any) -> Iterator[str]:
        """What GitHub would not take of a request, and would not give as this answer."""
        said = f"{method} {urlsplit(url).path}"
        operation = self._operation(method, urlsplit(url).path)
        if operation is None:
            yield f"{said}: there is no such operation"
            return
        yield from (f"{said}: {each}" for each in self._of_query(operation, urlsplit(url).query))
        body = operation.get("requestBody", {})
        if sends is not None and not body:
            yield f"{said}: it takes no document"
        elif body and (sends is not None or body.get("required")):
            yield from (f"{said}: sends {each}" for each in self._errors(Whole, _schema(body), sends))
        response = self._resolved(operation["responses"].get(str(status), {}))
        if status == 304 and method == "GET":  # every question may be conditional
            return
        if not response:
            yield f"{said}: it never answers {status}"
        elif "content" in response:
            yield from (f"{said}: answers {each}" for each in self._errors(Part, _schema(response), answer))

    def _operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        matches = [
            template
            for template, methods in self.document["paths"].items()
            if method.lower() in methods and _pattern(template).fullmatch(path)
        ]
        best = min(matches, key=lambda each: each.count("{"), default=None)
        return self.document["paths"][best][method.lower()] if best else None

    def _of_query(self, operation: Mapping[str, Any], query: str) -> Iterator[str]:
        listed = [self._resolved(each) for each in operation.get("parameters", ())]
        known = {each["name"]: each["schema"] for each in listed if each["in"] == "query"}
        for name, value in parse_qsl(query):
            if name not in known:
                yield f"there is no parameter `{name}`"
                continue
            schema = self._resolved(known[name])
            read = READ.get(schema.get("type"), str)
            yield from (f"parameter `{name}`: {each}" for each in self._errors(Whole, schema, read(value)))

    def _resolved(self, part: Mapping[str, Any]) -> Any:
        while "$ref" in part:
            found: Any = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name.replace("~1", "/").replace("~0", "~")]
            part = found
        return part

    def _errors(self, kind: Any, schema: Any, instance: Any) -> Iterator[str]:
        checked = kind(schema, registry=Registry(), _resolver=self._resolver)
        for each in checked.iter_errors(instance):
            yield f"{each.json_path}: {each.message[:200]}"

    @functools.cached_property
    def _resolver(self) -> Any:
        root = DRAFT4.create_resource(dict(self.document))
        return Registry().with_resource("", root).resolver()


def _schema(part: Mapping[str, Any]) -> Any:
    return part["content"]["application/json"]["schema"]


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))
