"""A secret is a type that is not a str and prints as `***`; what leaks anyway is redacted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

MASK: Final = "***"
SHORTEST: Final = 6  # shorter values occur by chance; replacing them would garble every text

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


class Secret:
    """Wraps a value so that printing, formatting, logging and JSON show only the mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The value itself. Every caller of this is a place to review."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


def remember(value: str) -> None:
    """Have `redact` mask this value from now on, each of its lines, and their encoded forms."""
    global _pattern  # noqa: PLW0603 - one process, one set of secrets
    lines = [line.strip() for line in value.splitlines()]
    _known.update(text for text in (value, *lines) if len(text) >= SHORTEST)
    ordered = sorted(_known, key=len, reverse=True)
    forms = ["".join(_forms(character) for character in text) for text in ordered]
    _pattern = re.compile("|".join(forms), re.IGNORECASE) if forms else None


def redact(text: str) -> str:
    """The text with every known secret masked, the longest first."""
    return _pattern.sub(MASK, text) if _pattern else text


def redacted(value: Any) -> Any:
    """A JSON value with every text in it redacted; keys are our own words."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(each) for each in value]
    return value


def _forms(character: str) -> str:
    """One character as it may stand in a text: plain, URL-encoded (once or twice), JSON-escaped."""
    encoded = "".join(f"%(?:25)?{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    forms = {re.escape(character), encoded, re.escape(json.dumps(character)[1:-1])}
    if character == " ":
        forms.add(r"\+")
    return "(?:" + "|".join(sorted(forms, key=len, reverse=True)) + ")"
