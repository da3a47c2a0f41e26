"""What a real checkout tells about its app, and that reading it runs nothing of the checkout's."""

from __future__ import annotations

import json
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
    """Asked of the remote; as last fetched where it does not answer."""
    origin, person = seeded(tmp_path)
    origin.git("branch", "staging", "develop")
    person.git("branch", "feature/x")

    assert app_facts.branches(person.folder, "origin") == ("develop", "feature/x", "staging")

    person.git("fetch", "-q")
    origin.folder.rename(tmp_path / "gone")

    assert app_facts.branches(person.folder, "origin") == ("develop", "feature/x", "staging")


@pytest.mark.parametrize(
    ("package", "name"),
    [('{"name": "@team/Shop_2"}', "shop-2"), ("{}", "my-app"), ("not json", "my-app"), ("[]", "my-app")],
)
def test_the_name_is_plain(app: Path, package: str, name: str) -> None:
    """From `package.json`, else from the folder."""
    (app / "package.json").write_text(package)

    assert app_facts.name(app) == name


def test_variables_are_named_by_env_files_and_sources(app: Path) -> None:
    """Modules that others wrote, and what a copied desk brings, are left out."""
    (app / "env").mkdir()
    (app / ".env.local").write_text("export A_KEY=1\n# B_KEY=2\nlower=3\n")
    (app / "env" / ".env.staging.example").write_text("VITE_URL=\n")
    for folder in ("src", "node_modules/x", "scripts/sandbox/sample_app"):
        (app / folder).mkdir(parents=True)
        name = folder.split("/")[0].upper()
        (app / folder / "a.ts").write_text(f"import.meta.env.VITE_{name}; import.meta.env?.VITE_Q_{name}")

    assert app_facts.variables(app) == ("A_KEY", "VITE_Q_SRC", "VITE_SRC", "VITE_URL")


def test_a_site_is_the_first_public_address(app: Path) -> None:
    """Only https; the values file before the example, the app's folder before `env/`."""
    (app / "env").mkdir()
    (app / ".env.staging").write_text('VITE_SITE_URL="https://s.example.org/"\n')
    (app / "env" / ".env.staging.example").write_text("VITE_SITE_URL=https://other.example.org\n")
    (app / ".env.production").write_text("VITE_SITE_URL=http://plain.example.org\n")

    assert app_facts.sites(app, ("staging", "production")) == {"staging": "https://s.example.org"}


@pytest.mark.parametrize(
    ("config", "output"),
    [("outDir: './web/'", "web"), ("outDir: '../web'", "dist"), ("outDir: '/web'", "dist"), ("", "dist")],
)
def test_the_output_folder_is_inside_the_app(app: Path, config: str, output: str) -> None:
    """As Vite's configuration names it."""
    (app / "vite.config.ts").write_text(f"export default {{ build: {{ {config} }} }}")

    assert app_facts.output(app) == output


@pytest.mark.parametrize(
    ("build", "rebuilds"),
    [
        ('build = ["sh", "-c", "npm run build"]', True),
        ('build = ["sh", "-c", "test -f dist/version.json"]', False),
        ("", False),
    ],
)
def test_a_replit_that_builds_again_is_seen(app: Path, build: str, rebuilds: bool) -> None:
    """Only in `[deployment]`."""
    (app / ".replit").write_text(f'build = "vite build"\n[deployment]\n{build}\n[other]\nbuild = "build"\n')

    assert app_facts.publish_rebuilds(app) is rebuilds


def test_lock_files_and_supabase(app: Path) -> None:
    """By the files that are there."""
    assert (app_facts.lockfiles(app), app_facts.has_supabase(app)) == ((), False)

    (app / "yarn.lock").touch()
    (app / "supabase" / "migrations").mkdir(parents=True)

    assert (app_facts.lockfiles(app), app_facts.has_supabase(app)) == (("yarn.lock",), True)


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


def test_a_copied_desk_has_no_leftovers(tmp_path: Path) -> None:
    """Sources and requirements; no caches, no other files of the folder."""
    desk = tmp_path / "desk"
    for name in (
        "tasks.py",
        "requirements.in",
        "requirements.txt",
        "LICENSE",
        "scripts/a.py",
        "scripts/__pycache__/a.pyc",
        "notes.md",
    ):
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / name).write_text(json.dumps(name))

    assert sorted(map(str, app_facts.desk_files(desk))) == [
        "LICENSE",
        "requirements.in",
        "requirements.txt",
        "scripts/a.py",
        "tasks.py",
    ]
