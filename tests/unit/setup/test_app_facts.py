"""What a real checkout tells about its app, and that reading it runs nothing of the checkout's."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.errors import Refused
from scripts.setup import app_facts
from tests.support.repositories import seeded


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An empty app, which is no checkout."""
    folder = tmp_path / "my App"
    folder.mkdir()
    return folder


def test_the_top_of_a_checkout_is_found_from_inside(tmp_path: Path) -> None:
    """A linked worktree has a top of its own."""
    person = seeded(tmp_path)[1]
    inside = person.folder / "src" / "deep"
    inside.mkdir(parents=True)
    person.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))

    assert app_facts.checkout(inside) == person.folder
    assert app_facts.checkout(tmp_path / "linked") == tmp_path / "linked"
    assert app_facts.remotes(tmp_path / "linked") == ("origin",)


def test_no_checkout_is_refused(tmp_path: Path) -> None:
    """A plain folder, a missing one, a bare repository."""
    origin = seeded(tmp_path)[0]
    for folder in (tmp_path, tmp_path / "missing", origin.folder):
        with pytest.raises(Refused, match="no git checkout"):
            app_facts.checkout(folder)


def test_a_hooks_variables_do_not_mislead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`GIT_WORK_TREE` and `GIT_DIR` name another repository."""
    person = seeded(tmp_path / "a")[1]
    other = seeded(tmp_path / "b")[1]
    other.git("remote", "rename", "origin", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_COMMON_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))

    assert app_facts.checkout(person.folder) == person.folder
    assert app_facts.remotes(person.folder) == ("origin",)


def test_reading_runs_no_program_of_the_checkout(tmp_path: Path) -> None:
    """Its configuration may name programs for git to run."""
    person = seeded(tmp_path)[1]
    mark = tmp_path / "ran"
    person.git("remote", "add", "evil", f"ext::sh -c touch% {mark}")
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "alias.remote"):
        person.git("config", key, f"touch {mark}")

    assert app_facts.checkout(person.folder) == person.folder
    assert sorted(app_facts.remotes(person.folder)) == ["evil", "origin"]
    assert not mark.exists()


def test_branches_of_the_remote_and_local_ones(tmp_path: Path) -> None:
    """Asked of the remote; as last fetched where it does not answer; without it, this clone's."""
    origin, person = seeded(tmp_path)
    origin.git("branch", "staging", "develop")
    person.git("branch", "feature/x")
    origin.git("symbolic-ref", "HEAD", "refs/heads/develop")

    assert app_facts.branches(person.folder, "origin") == ("develop", "staging")
    assert app_facts.branches(person.folder, "elsewhere") == ("develop", "feature/x")
    assert app_facts.head_branch(person.folder, "origin") == "develop"

    person.git("fetch", "-q")
    origin.folder.rename(tmp_path / "gone")

    assert app_facts.branches(person.folder, "origin") == ("develop", "staging")
    assert app_facts.head_branch(person.folder, "origin") == ""


def test_what_is_installed_or_built_is_no_part_of_the_app(app: Path) -> None:
    """Nor is a copied desk, or a file that is too long to be written by a person."""
    for name in ("src/a.ts", "node_modules/x/a.ts", "desk/tasks.py", "desk/scripts/app.py", "dist/a.js"):
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text("text")
    (app / "long.ts").write_text("x" * (app_facts.MAX_BYTES + 1))
    tree = app_facts.tree(app)

    assert {"src/a.ts", "long.ts"} == tree.files
    assert ("text", "") == (tree.read("src/a.ts"), tree.read("long.ts"))


def test_a_tracked_file_with_a_secret_is_named_without_its_value(tmp_path: Path) -> None:
    """Examples, placeholders and public values are none."""
    person = seeded(tmp_path)[1]
    (person.folder / "web").mkdir()
    (person.folder / "web" / ".env.production").write_text(
        "OPENAI_API_KEY=sk-proj-" + "a1B2" * 12 + "\nVITE_URL=x\n"
    )
    (person.folder / ".env.example").write_text("OPENAI_API_KEY=your-key\n")
    (person.folder / ".env").write_text("OPENAI_API_KEY=\n")
    person.commit("files", other="x")

    assert app_facts.tracked_secrets(person.folder) == {"web/.env.production": ["OPENAI_API_KEY"]}


def test_a_rule_that_ignores_the_configuration_is_seen(tmp_path: Path) -> None:
    """Python's template of GitHub has `env/`."""
    person = seeded(tmp_path)[1]
    (person.folder / ".gitignore").write_text("env/\n")

    assert app_facts.ignored(person.folder, "env/pipeline.toml") == ".gitignore:1:env/"

    (person.folder / ".gitignore").write_text("env/\n!/env/\n")

    assert not app_facts.ignored(person.folder, "env/pipeline.toml")


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    """It replaces the link; the mode is the model's."""
    outside, model, file = tmp_path / "outside", tmp_path / "model", tmp_path / "app" / "file"
    outside.write_text("untouched")
    model.touch(mode=0o755)
    file.parent.mkdir()
    file.symlink_to(outside)
    app_facts.write(file, b"new", model)

    assert (file.read_bytes(), file.is_symlink(), file.stat().st_mode & 0o777) == (b"new", False, 0o755)
    assert outside.read_text() == "untouched"
    assert [path.name for path in file.parent.iterdir()] == ["file"]
    assert app_facts.read(tmp_path / "missing") is None
