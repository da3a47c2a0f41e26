"""Configuration that an editor spoiled: the file, the line and the way out are named; nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.wrong_commands.world import World, built, typed

VALUES, TABLE = ".env.staging", "pipeline.toml"
Spoil = Callable[[bytes], bytes]
QUOTES = "\u201cstaging\u201d".encode()
QUOTED = 'write NAME="value"'
SPOILED: dict[str, tuple[str, Spoil, str, str]] = {
    "Windows line ends": (VALUES, lambda raw: raw.replace(b"\n", b"\r\n"), "line ends of Windows", "perl"),
    "an accent": (VALUES, lambda raw: raw + "NOM=café\n".encode(), "line 2: an accent", QUOTED),
    "latin-1": (VALUES, lambda raw: raw + "A='é'\n".encode("latin-1"), "line 2: not in UTF-8", "iconv"),
    "UTF-16": (VALUES, lambda raw: raw.decode().encode("utf-16"), "is in UTF-16", "iconv -f UTF-16"),
    "a dollar": (VALUES, lambda raw: raw + b"PASS=pa$word\n", "line 2: `$` in a value", QUOTED),
    "no sign": (VALUES, lambda raw: raw + b"PASS\n", "line 2: there is no `=`", QUOTED),
    "half a quote": (VALUES, lambda raw: raw + b'A="x\n', "line 2: a quote has no other half", QUOTED),
    "an open table": (TABLE, lambda raw: raw + b"\n[x\n", "not TOML", 'a line is `key = "text"`'),
    "a table twice": (TABLE, lambda raw: raw + b"\n[app]\n", "cannot declare", 'a line is `key = "text"`'),
    "quotes": (TABLE, lambda raw: raw.replace(b'"staging"', QUOTES, 1), "line 7: not TOML", "a line is"),
    "latin-1 here": (TABLE, lambda raw: raw + "# é\n".encode("latin-1"), "not in UTF-8", "iconv -f CP1252"),
    "a key": (TABLE, lambda raw: raw + b"[verfy]\nx = 1\n", "did you mean `verify`", "every key"),
    "a type": (TABLE, lambda raw: raw.replace(b"= true", b'= "yes"', 1), "true or false", "every key"),
    "nothing": (TABLE, lambda _raw: b"", "`chain` should be a list", "every key"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A desk whose servers are dead."""
    return built(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_file_is_named_with_its_line(world: World, how: str) -> None:
    """Before anything is asked or changed, with exit code 1."""
    name, spoil, said, hint = SPOILED[how]
    file = Path(world.env_dir / name)
    raw = file.read_bytes()
    file.write_bytes(spoil(raw))
    try:
        before = world.state()
        ended = typed(world, "deploy staging --yes --json")
    finally:
        file.write_bytes(raw)

    assert (ended.code, ended.document["code"]) == (1, 1), ended.err
    assert str(file) in ended.document["message"]
    assert said in ended.document["message"]
    assert hint in ended.document["hint"]
    assert "Traceback" not in ended.err
    assert {key: kept for key, kept in before.items() if key != str(file)} == {
        key: kept for key, kept in world.state().items() if key != str(file)
    }
