"""A secret is a type that is not a str and prints as `***`; what leaks anyway is redacted."""

from __future__ import annotations

from typing import Final, NoReturn

MASK: Final = "***"
SHORTEST: Final = 6  # shorter values occur by chance; replacing them would garble every text

_known: set[str] = set()


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
    """Have `redact` mask this value, and its URL-encoded form, from now on."""
    from urllib.parse import quote

    for form in {value, quote(value, safe="")}:
        if len(form) >= SHORTEST:
            _known.add(form)


def redact(text: str) -> str:
    """The text with every known secret masked, the longest first."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
