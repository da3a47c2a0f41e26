# pure
"""The forms in which a sink takes lines: Loki's push form, and OTLP over HTTP in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from scripts.errors import ConfigError
from scripts.monitor.log_lines import Line
from scripts.system.documents import parse_json

OTLP = "/v1/logs"  # how the path of an OTLP address ends
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
VALUE = re.compile(r"[\x20-\x7e]{0,4000}")


class Partial(NamedTuple):
    """What a sink did not take of what it took, or is merely to be said (`rejected` is 0)."""

    rejected: int = 0
    why: str = ""


def document(app: str, lines: Sequence[Line], url: str) -> dict[str, Any]:
    """The lines in the form that the address asks for."""
    return (otlp if speaks_otlp(url) else loki)(app, lines)


def speaks_otlp(url: str) -> bool:
    """By the path: `/v1/logs`, also below another one such as Grafana Cloud's `/otlp`."""
    return urlsplit(url).path.rstrip("/").endswith(OTLP)


def loki(app: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Few labels, as Loki wants them; the release, and the run, are metadata of each line."""
    streams: dict[tuple[str, str], list[list[Any]]] = {}
    for line in sorted(lines, key=lambda each: each.at):
        metadata = {"release": line.release or "none", "place": line.source}
        streams.setdefault(_stream(line), []).append([_nanoseconds(line), line.text, metadata])
    return {
        "streams": [
            {
                "stream": {"service_name": app, "environment": environment, "source": source},
                "values": values,
            }
            for (environment, source), values in streams.items()
        ]
    }


def otlp(app: str, lines: Sequence[Line]) -> dict[str, Any]:
    """`ExportLogsServiceRequest` in protobuf's JSON: names in lower camel case, 64-bit numbers as text."""
    resources: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in sorted(lines, key=lambda each: each.at):
        known = {"log.source": line.source, "release": line.release}
        record = {
            "timeUnixNano": _nanoseconds(line),
            "body": {"stringValue": line.text},
            "attributes": _attributes({key: value for key, value in known.items() if value}),
        }
        resources.setdefault(_stream(line), []).append(record)
    return {
        "resourceLogs": [
            {
                "resource": {
                    "attributes": _attributes(
                        {"service.name": app, "deployment.environment.name": environment, "source": source}
                    )
                },
                "scopeLogs": [{"scope": {"name": "release-desk"}, "logRecords": records}],
            }
            for (environment, source), records in resources.items()
        ]
    }


def partial(body: bytes) -> Partial:
    """What OTLP's good answer says of records that were not taken; they are not to be sent again."""
    try:
        found = parse_json(body)
        said = found.get("partialSuccess") or {} if isinstance(found, dict) else {}
        rejected = int(said.get("rejectedLogRecords") or 0)
        return Partial(max(0, rejected), str(said.get("errorMessage") or ""))
    except (ValueError, TypeError, AttributeError):
        return Partial()


def headers_of(text: str, name: str) -> dict[str, str]:
    """`key=value,key=value`, as `OTEL_EXPORTER_OTLP_HEADERS` is written; values are URL-encoded.

    Raises:
        ConfigError: it is written otherwise; what stands there is not repeated.
    """
    found = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = each.partition("=")
        key, value = key.strip(), unquote(value.strip())
        if not equals or not HEADER.fullmatch(key) or not VALUE.fullmatch(value):
            raise ConfigError(f"`{name}` should be `key=value,key=value`, with values URL-encoded")
        found[key] = value
    return found


def _stream(line: Line) -> tuple[str, str]:
    return line.environment, line.source.partition(" ")[0]


def _nanoseconds(line: Line) -> str:
    return str(round(line.at * 1e6) * 1000)


def _attributes(values: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
