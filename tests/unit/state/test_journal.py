"""The journal: on disk before a step goes on, and not for ever."""

from __future__ import annotations

import json
import os
from pathlib import Path

from scripts.state.journal import Journal


def test_lines_are_on_disk_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "r1")
    first = journal.digest
    journal.write(step="lock", state="intent")
    journal.write(step="lock", state="done")

    lines = [json.loads(line) for line in journal.file.read_text().splitlines()]
    assert [{"step": "lock", "state": "intent"}, {"step": "lock", "state": "done"}] == lines
    assert 0o600 == journal.file.stat().st_mode & 0o777
    assert first != journal.digest


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        journal = Journal(tmp_path, f"r{number}")
        journal.write(step="lock")
        os.utime(journal.file, (number, number))
    Journal.prune(tmp_path, 2)

    assert {"r3", "r4"} == {each.name for each in tmp_path.iterdir()}
    Journal.prune(tmp_path / "nowhere", 2)


def test_a_full_disk_is_noted_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "r1").write_text("a file where the folder should be")
    journal = Journal(tmp_path, "r1")
    journal.write(step="lock")

    assert journal.fault
