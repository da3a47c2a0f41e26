"""Findings: how they read, and in which order they come."""

from __future__ import annotations

import json

from scripts.secrets.finding import Finding, errors, sort_findings

LATE = Finding(
    "ENV014", "error", ".env.staging", 9, "A_TOKEN", "`A_TOKEN` can be guessed", "make a new one"
)
EARLY = Finding("ENV001", "error", ".env.staging", 2, "", "not a line that all parsers read alike")
WARNING = Finding("ENV004", "warning", ".env.production", None, "B", "`B` is missing here")
PACKED = Finding("LEAK003", "error", "a.js", None, "", "a key is in it", offset=12, digest="00")


def test_a_finding_reads_as_one_line() -> None:
    """With a line, with an offset, or with neither."""
    assert str(LATE) == "ENV014 error: .env.staging:9: `A_TOKEN` can be guessed"
    assert str(PACKED) == "LEAK003 error: a.js (byte 12): a key is in it"
    assert str(WARNING) == "ENV004 warning: .env.production: `B` is missing here"


def test_the_document_has_the_keys_of_the_contract() -> None:
    """All that JSON can hold."""
    document = json.loads(json.dumps(PACKED.document()))

    assert {"rule", "severity", "file", "line", "name", "message"} <= set(document)
    assert (document["offset"], document["digest"]) == (12, "00")


def test_only_errors_stop_a_release() -> None:
    """Warnings do not."""
    assert errors([LATE, WARNING, EARLY]) == (LATE, EARLY)


def test_errors_come_first_and_each_once() -> None:
    """Then by file and line."""
    assert sort_findings([WARNING, LATE, EARLY, LATE]) == (EARLY, LATE, WARNING)
