"""`pipeline.toml` as a file: what it holds, and what is wrong with one that can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.env_files import read_text, read_toml
from scripts.errors import ConfigError


def test_toml_gives_the_table(tmp_path: Path) -> None:
    """A good file is its table."""
    (tmp_path / "x.toml").write_text('a = ["é"]\n[b]\nc = 1\n', encoding="utf-8")

    assert read_toml(tmp_path / "x.toml") == {"a": ["é"], "b": {"c": 1}}


def test_a_missing_file_names_the_way_to_another_one(tmp_path: Path) -> None:
    """Who points at the wrong folder learns which variable points."""
    with pytest.raises(ConfigError, match="there is no") as caught:
        read_toml(tmp_path / "x.toml")

    assert caught.value.hint
    assert "AIRHOST_ENV_DIR" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = \nb = 1\n", ", line 1: not TOML: invalid value"),
        (b"a = 1\na = 2\nb = 3\n", ", line 2: not TOML: cannot overwrite a value"),
        (b"b = 1\n[a\n", ", line 2: not TOML: expected ']' at the end of a table declaration"),
        (b"a = [", ", at its end: not TOML: invalid value"),
        (b"\xff\xfe", " is in UTF-16, not in UTF-8"),
        (b"a = 1\nb = 'caf\xe9'\n", ", line 2: not in UTF-8"),
    ],
)
def test_what_is_no_toml_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    """Broken text and broken bytes are faults of the configuration, with their line."""
    file = tmp_path / "x.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        read_toml(file)

    assert caught.value.message.casefold() == f"`{file}`{said}".casefold()
    assert caught.value.hint


def test_a_mark_at_the_start_is_skipped(tmp_path: Path) -> None:
    """Windows editors write it, and it changes nothing."""
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\n")

    assert read_toml(tmp_path / "x.toml") == {"a": 1}


def test_a_file_in_place_of_the_folder_is_no_folder(tmp_path: Path) -> None:
    """`AIRHOST_ENV_DIR` named the file."""
    (tmp_path / "pipeline.toml").write_text("a = 1")

    with pytest.raises(ConfigError, match="there is no"):
        read_toml(tmp_path / "pipeline.toml" / "pipeline.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder in the file's place is a fault of the configuration, for both kinds of file."""
    for read in (read_toml, read_text):
        with pytest.raises(ConfigError, match="can't be read"):
            read(tmp_path)
