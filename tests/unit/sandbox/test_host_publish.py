"""Snapshots of a workspace, the commands of `.replit`, and which snapshots are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.sandbox.host_publish import KEPT, PublishFailed, Step, numbers, prune, steps, take_snapshot


def test_a_snapshot_is_the_workspace_without_git(tmp_path: Path) -> None:
    """Packages are hard-linked, other files copied; links stay links."""
    workspace, target = tmp_path / "workspace", tmp_path / "1"
    for name in (".git/HEAD", "src/.git/kept", "node_modules/a/index.js", "untracked"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(name)
    (workspace / "link").symlink_to("untracked")
    take_snapshot(workspace, target)

    assert sorted(path.name for path in target.iterdir()) == ["link", "node_modules", "src", "untracked"]
    assert (target / "src" / ".git" / "kept").exists()
    assert (target / "link").is_symlink()
    assert (target / "node_modules/a/index.js").samefile(workspace / "node_modules/a/index.js")
    assert not (target / "untracked").samefile(workspace / "untracked")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('run = "node x"', (None, Step(("bash", "-c", "node x")))),
        ('run = ["node", "x"]\nbuild = ["npm", "ci"]', (Step(("npm", "ci")), Step(("node", "x")))),
        ('run = { args = ["a"], env = { B = 1 } }', (None, Step(("a",), {"B": "1"}))),
    ],
)
def test_commands_are_lines_lists_or_tables(
    tmp_path: Path, text: str, expected: tuple[Step | None, Step]
) -> None:
    """As Replit's documents show them."""
    (tmp_path / ".replit").write_text(f"[deployment]\n{text}\n")

    assert steps(tmp_path) == expected


@pytest.mark.parametrize(
    "text",
    [None, "", "[deployment]\n", "deployment = 1\n", "not toml", "[deployment]\nrun = { env = {} }\n"],
)
def test_a_replit_that_says_nothing_to_run_fails(tmp_path: Path, text: str | None) -> None:
    """At the first stage, with a reason."""
    if text is not None:
        (tmp_path / ".replit").write_text(text)
    with pytest.raises(PublishFailed) as failed:
        steps(tmp_path)

    assert failed.value.stage == "Provision"
    assert ".replit" in failed.value.message


def test_old_snapshots_are_deleted_but_never_the_current(tmp_path: Path) -> None:
    """The newest stay beside it; other folders are left alone."""
    for name in ("1", "2", "3", "10", "part"):
        (tmp_path / name).mkdir()
    prune(tmp_path, 1)

    assert numbers(tmp_path) == [1, 3, 10]
    assert len(numbers(tmp_path)) == KEPT
    assert (tmp_path / "part").exists()
