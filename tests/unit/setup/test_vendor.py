"""The copy of the desk in an app: one folder, a manifest, and a person's changes stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.errors import Refused
from scripts.replit.launcher_bundle import program
from scripts.setup import upgrade as upgrading
from scripts.setup import vendor
from scripts.setup.request import UpgradeRequest
from scripts.setup.upgrade import upgrade
from tests.fakes.world import Notes
from tests.support.repositories import Repository, seeded

FILES = (
    "tasks.py",
    "LICENSE",
    "requirements.txt",
    "scripts/app.py",
    "scripts/bootstrap",
    "scripts/replit/workspace.sh",
    "loadtests/journeys.py",
    "tests/e2e/pytest.ini",
    "env/pipeline.toml",
    "env/masking.toml",
)
OTHERS = (
    "README.md",
    "requirements.in",
    "env/.env.staging",
    "scripts/__pycache__/a.pyc",
    "scripts/sandbox/sample_app/a.ts",
    "loadtests/kubernetes.yaml",
    "tests/unit/test_a.py",
)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A desk, with files that no app needs."""
    folder = tmp_path / "desk"
    for name in (*FILES, *OTHERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def app(tmp_path: Path, desk: Path) -> Repository:
    """An app with a copy."""
    person = seeded(tmp_path / "app")[1]
    vendor.changes(desk, person.folder / "release-desk").write()
    return person


def call(app: Repository, desk: Path, *, plan: bool = False) -> Any:
    """`invoke upgrade`, and what it said."""
    notes = Notes()
    outcome = upgrade(notes, UpgradeRequest(app=str(app.folder), from_=str(desk), plan=plan))
    return outcome, "\n".join(notes.lines)


def test_a_copy_has_what_a_release_needs_and_no_more(app: Repository) -> None:
    """No sample app, nothing that an app's own tools would compile, test or format; no configuration."""
    copy = app.folder / "release-desk"
    names = {file.relative_to(copy).as_posix() for file in copy.rglob("*") if file.is_file()}

    assert names == {
        *(name for name in FILES if not name.startswith("env/")),
        "scripts/setup/templates/pipeline.toml",
        "scripts/setup/templates/masking.toml",
        "conftest.py",
        "MANIFEST",
        "VERSION",
    }
    assert names - {"MANIFEST"} == vendor.manifest(copy).keys()


def test_an_upgrade_brings_what_is_new_and_removes_what_is_gone(app: Repository, desk: Path) -> None:
    """A second time there is nothing to do; a plan changes nothing."""
    copy = app.folder / "release-desk"
    (desk / "tasks.py").write_text("newer")
    (desk / "scripts" / "new.py").write_text("new")
    (desk / "LICENSE").unlink()

    assert "done" == call(app, desk, plan=True)[0].ending
    assert "tasks.py" == (copy / "tasks.py").read_text()

    outcome, _ = call(app, desk)

    assert sorted(outcome.data["written"]) == ["LICENSE", "MANIFEST", "scripts/new.py", "tasks.py"]
    assert ("newer", "new") == ((copy / "tasks.py").read_text(), (copy / "scripts/new.py").read_text())
    assert not (copy / "LICENSE").exists()
    assert "nothing" == call(app, desk)[0].ending


def test_a_copy_says_its_version(app: Repository, desk: Path) -> None:
    """In a file of its own; an upgrade names both versions, and what moved in `pipeline.toml`."""
    copy = app.folder / "release-desk"
    said = '"""A desk."""\n\nVERSION = "1.2.0"  # x\nRELEASED = "2027-05-01"  # y\n'
    (desk / "scripts" / "__init__.py").write_text(said)
    (desk / "env" / "pipeline.toml").write_text("[lock]\nttl = 90\ngrace = 3\n")
    call(app, desk)
    assert (copy / "VERSION").read_text() == "1.2.0 (2027-05-01)\n"

    (desk / "scripts" / "__init__.py").write_text(said.replace("1.2", "1.3").replace("05", "06"))
    (desk / "env" / "pipeline.toml").write_text("[lock]\nttl = 120\n[verify]\nwindow = 1\n")
    (copy / "env").mkdir()
    (copy / "env" / "pipeline.toml").write_text("[lock]\ngrace = 9\n")
    outcome, shown = call(app, desk, plan=True)

    assert "pipeline.toml`, 1.2.0 (2027-05-01) -> 1.3.0 (2027-06-01):" in shown
    assert [(each["key"], each["state"]) for each in outcome.data["keys"]] == [
        ("lock.grace", "gone"),
        ("lock.ttl", "changed"),
        ("verify.window", "new"),
    ]
    assert "gone     lock.grace (yours sets it: take it out)" in shown


def test_the_app_keeps_its_own_tasks(app: Repository) -> None:
    """A file or a package of that name; the desk's own is refreshed."""
    ours = vendor.tasks_of(app.folder, "tools/desk")["tasks.py"]
    assert '/ "tools/desk"' in ours
    (app.folder / "tasks.py").write_text(ours + "# older\n")
    assert vendor.tasks_of(app.folder, "tools/desk") == {"tasks.py": ours}
    (app.folder / "tasks.py").write_text("from invoke import task\n")
    assert vendor.tasks_of(app.folder, "tools/desk") == {}
    (app.folder / "tasks.py").unlink()
    (app.folder / "tasks").mkdir()
    assert vendor.tasks_of(app.folder, "tools/desk") == {}


def test_an_upgrade_refreshes_the_launcher_of_the_app(
    app: Repository, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it has one; a desk that is not the newer one itself says how."""
    assert call(app, desk)[0].ending == "nothing"
    (app.folder / "launcher.py").write_text("old")
    outcome, said = call(app, desk)
    assert (outcome.ending, "`invoke init --launcher`" in said) == ("nothing", True)
    monkeypatch.setattr(upgrading, "DESK", desk)
    outcome, _ = call(app, desk)

    assert outcome.data["written"] == ["launcher.py"]
    assert (app.folder / "launcher.py").read_text() == program()["launcher.py"]
    assert not (app.folder / "launcher_listen.cjs").exists()


def test_what_a_person_changed_or_added_is_kept_and_named(app: Repository, desk: Path) -> None:
    """In every later upgrade too; a file that is missing comes back."""
    copy = app.folder / "release-desk"
    (copy / "loadtests" / "journeys.py").write_text("ours")
    (copy / "scripts" / "new.py").write_text("ours too")
    (copy / "env").mkdir()
    (copy / "env" / "pipeline.toml").write_text("configured")
    (copy / "LICENSE").unlink()
    (desk / "scripts" / "new.py").write_text("the desk's")
    (desk / "loadtests" / "journeys.py").write_text("newer")
    for _ in range(2):
        outcome, said = call(app, desk)

        assert ["loadtests/journeys.py", "scripts/new.py"] == outcome.data["kept"]
        assert "journeys.py: somebody changed it here" in said
    assert "ours" == (copy / "loadtests" / "journeys.py").read_text()
    assert "configured" == (copy / "env" / "pipeline.toml").read_text()
    assert "LICENSE" == (copy / "LICENSE").read_text()


def test_an_upgrade_that_died_goes_on(app: Repository, desk: Path) -> None:
    """Files that were written before the manifest are not taken for a person's."""
    (desk / "tasks.py").write_text("newer")
    (app.folder / "release-desk" / "tasks.py").write_text("newer")

    assert [] == call(app, desk)[0].data["kept"]
    (desk / "tasks.py").write_text("newest")
    assert [] == call(app, desk)[0].data["kept"]


def test_a_manifest_names_no_file_outside(app: Repository) -> None:
    """Whoever writes it could have files removed."""
    copy = app.folder / "release-desk"
    (copy / "MANIFEST").write_text("0" * 64 + "  ../../file\n" + "0" * 64 + "  /etc/passwd\n")

    assert {} == vendor.manifest(copy)


@pytest.mark.parametrize("name", ["taken", "../out", ".git/desk", "file", "link", 'a"b'])
def test_a_folder_that_is_taken_is_refused(app: Repository, name: str) -> None:
    """Nothing of the app's is overwritten, and nothing lands elsewhere."""
    (app.folder / "taken").mkdir()
    (app.folder / "taken" / "tasks.py").touch()
    (app.folder / "link").symlink_to(app.folder.parent)

    with pytest.raises(Refused):
        vendor.folder_for(app.folder, name, None)

    assert "desk" == vendor.folder_for(app.folder, "taken", lambda _question, _default: "desk")


def test_no_copy_and_no_newer_desk_are_refused(tmp_path: Path, app: Repository, desk: Path) -> None:
    """Each with the command that helps."""
    with pytest.raises(Refused, match="no release desk"):
        call(app, tmp_path)
    with pytest.raises(Refused, match="is the copy itself"):
        call(app, app.folder / "release-desk")
    (app.folder / "release-desk" / "MANIFEST").unlink()
    with pytest.raises(Refused, match="has no copy"):
        call(app, desk)
