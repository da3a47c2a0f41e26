# pure
"""The types that `supabase gen types` writes, compared by what they say, not by how they are laid out.

Compared are the rows of tables and views, and enums, schema by schema. Formatters, and versions of the CLI,
lay the same out differently, and add other members.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

TOKEN = re.compile(
    r"""(?P<skip>//[^\n]*|/\*.*?\*/|[ \t\r]+)|(?P<text>"[^"\n]*"|'[^'\n]*')|[\w$]+|\n|.""", re.DOTALL
)
BEGIN = re.compile(r"\bDatabase\b\s*=?\s*(?=\{)")
LARGEST = 5_000_000  # characters
OPEN, CLOSE = "([{<", ")]}>"
Types = Mapping[str, Mapping[str, str]]  # "public.bookings" -> column -> type; an enum has one entry


def read_types(text: str) -> Types:
    """The rows and enums of the first `Database` of a TypeScript text; {} where there is none."""
    begin = BEGIN.search(text[:LARGEST])
    if begin is None:
        return {}
    tokens = [
        each[0] if each["text"] is None else f'"{each["text"][1:-1]}"'
        for each in TOKEN.finditer(text[:LARGEST], begin.end())
        if each["skip"] is None
    ]
    tree, _ = _object(tokens, 1)
    return dict(_flat(tree))


def _flat(tree: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for schema, parts in tree.items():
        for kind in ("Tables", "Views"):
            for name, members in _members(parts, kind).items():
                row = _members(members, "Row")
                yield f"{schema}.{name}", {column: str(value) for column, value in row.items()}
        for name, values in _members(parts, "Enums").items():
            yield f"{schema}.{name}", {"enum": str(values)}


def _members(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _object(tokens: list[str], at: int) -> tuple[dict[str, object], int]:
    """The members of an object whose brace was read, and where its text ends."""
    members: dict[str, object] = {}
    while at < len(tokens) and tokens[at] != "}":
        name, begin = _key(tokens, at)
        if begin:
            members[name], at = _value(tokens, begin)
        else:
            at = _past(tokens, at)
    return members, at + 1


def _key(tokens: list[str], at: int) -> tuple[str, int]:
    """The name of a member that begins here, and where its value does; 0 where none begins."""
    name = tokens[at].strip('"')
    after = at + (2 if tokens[at + 1 : at + 2] == ["?"] else 1)
    if re.fullmatch(r"[^\s\W].*", name) and tokens[after : after + 1] == [":"]:
        return name, after + 1
    return name, 0


def _value(tokens: list[str], at: int) -> tuple[object, int]:
    while at < len(tokens) and tokens[at] == "\n":
        at += 1
    if tokens[at : at + 1] == ["{"]:
        return _object(tokens, at + 1)
    begin, at = at, _end(tokens, at)
    text = "".join(tokens[begin:at]).replace("\n", "")
    return " | ".join(sorted(filter(None, text.split("|")))), at


def _end(tokens: list[str], at: int) -> int:
    """Where a type ends: at a separator, at a brace, or where the next line begins another member."""
    while at < len(tokens) and tokens[at] not in (",", ";", "}"):
        if tokens[at] == "\n":
            ahead = next((place for place in range(at, len(tokens)) if tokens[place] != "\n"), at)
            if tokens[ahead] == "}" or _key(tokens, ahead)[1]:
                return ahead
        at = _past(tokens, at)
    return at


def _past(tokens: list[str], at: int) -> int:
    """Past one token, or past all that a bracket holds."""
    if tokens[at] not in OPEN:
        return at + 1
    depth = 0
    while at < len(tokens):
        depth += (tokens[at] in OPEN) - (tokens[at] in CLOSE)
        at += 1
        if depth == 0:
            break
    return at


def schemas(types: Types) -> tuple[str, ...]:
    """The app's schemas among them."""
    return tuple(dict.fromkeys(each.partition(".")[0] for each in types))


def differences(committed: Types, generated: Types) -> Iterator[str]:
    """What the committed types say otherwise than the database does."""
    for name in sorted({*committed, *generated}):
        has, wanted = committed.get(name), generated.get(name)
        if has is None:
            yield f"`{name}` is missing"
        elif wanted is None:
            yield f"`{name}` is there, and the migrations make none"
        if has is None or wanted is None:
            continue
        for column in sorted({*has, *wanted}):
            if has.get(column) != wanted.get(column):
                known, should = has.get(column, "missing"), wanted.get(column, "gone")
                yield f"`{name}.{column}` is `{known}`, and should be `{should}`"
