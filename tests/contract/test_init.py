"""`init` in an app's checkout, and the desk that it copied at work there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.desks import ROOT, environment, invoke
from tests.support.repositories import Repository, seeded


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """An app with a package.json, Supabase, `.env` files of the wrong kind, and three branches."""
    person = seeded(tmp_path)[1]
    app = person.folder
    (app / "package.json").write_text(
        json.dumps({"name": "@team/shop", "scripts": {"build": "vite build"}})
    )
    (app / "package-lock.json").write_text("{}")
    (app / "supabase").mkdir()
    (app / "supabase" / "config.toml").write_text('project_id = "shop"\n')
    (app / "vite.config.ts").write_text("export default { build: { outDir: 'web' } }")
    (app / ".replit").write_text('[deployment]\nbuild = ["sh", "-c", "npm ci && npm run build"]\n')
    (app / ".env.staging").write_text(
        "VITE_OPENAI_API_KEY=sk-value-of-the-team\nVITE_SITE_URL=https://s.example.org\n"
    )
    (app / ".gitignore").write_text("node_modules\n")
    for branch in ("develop", "staging", "main"):
        person.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
    return person


def written(person: Repository) -> dict[str, str]:
    """What is in the checkout, by name."""
    return {
        str(file.relative_to(person.folder)): file.read_text(errors="replace")
        for file in sorted(person.folder.rglob("*"))
        if file.is_file() and ".git" not in file.relative_to(person.folder).parts
    }


def test_a_plan_writes_nothing(person: Repository) -> None:
    """It shows what would be, and warns of what Publish would break; no value is shown."""
    before = written(person)

    ended = invoke("init", "--app", str(person.folder), "--plan", "--json")

    assert (ended.code, ended.document["ending"]) == (0, "done")
    assert before == written(person)
    assert "env/pipeline.toml" in ended.err
    assert "`.replit` builds again" in ended.err
    assert 'output = "web"' in ended.document["pipeline_toml"]
    assert "sk-value-of-the-team" not in ended.err + ended.out


def test_what_is_there_is_not_overwritten_without_a_yes(person: Repository) -> None:
    """A diff, code 6, and everything as it was; with a yes it is written, and a second time is nothing."""
    before = written(person)

    declined = invoke("init", "--app", str(person.folder), "--json")

    assert (declined.code, declined.document["ending"]) == (6, "declined")
    assert "  | +.env.*" in declined.err
    assert before == written(person)

    done = invoke("init", "--app", str(person.folder), "--yes", "--json")
    again = invoke("init", "--app", str(person.folder), "--yes", "--json")
    files = written(person)

    assert (
        done.code,
        done.document["ending"],
        again.code,
        again.document["ending"],
    ) == (0, "done", 0, "nothing")
    assert 'output = "web"' in files["env/pipeline.toml"]
    assert 'url = "https://s.example.org"' in files["env/pipeline.toml"]
    assert "\nOPENAI_API_KEY=\n" in files["env/.env.staging.example"]
    assert not [name for name, text in files.items() if "sk-value" in text and name != ".env.staging"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--branches", "a,b"), "names 2"),
        (("--branches", "a,-b,c"), "no plain branch name"),
        (("--urls", "x,y,z"), "should be an http or https address"),
        (("--remote", "https://u:p@h/x"), "should be the name that a remote has"),
    ],
)
def test_a_wrong_answer_is_refused(person: Repository, flags: tuple[str, ...], said: str) -> None:
    """Before anything is written."""
    before = written(person)

    ended = invoke("init", "--app", str(person.folder), "--yes", "--json", *flags)

    assert (1, before) == (ended.code, written(person))
    assert said in ended.document["message"]


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    """Code 1, and the hint names the flag."""
    ended = invoke("init", "--app", str(tmp_path), "--json")

    assert (ended.code, "--app" in ended.document["hint"]) == (1, True)


def test_the_copied_desk_works_there(person: Repository) -> None:
    """In its folder and at the app's top, with its configuration; nothing of the app's has changed."""
    before = written(person)
    invoke("init", "--app", str(person.folder), "--vendor", "--yes")
    after = written(person)
    copy = person.folder / "release-desk"

    def call(*arguments: str, folder: Path = copy) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=folder,
            env=environment(None, PYTHONDONTWRITEBYTECODE=""),
            umask=0,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    history = call("history", "--json")
    above = call("history", "--json", folder=person.folder)
    again = call("init", "--json")
    tests = call("test", "--json")

    outside = {name: text for name, text in after.items() if not name.startswith("release-desk/")}
    assert outside == {**before, "tasks.py": outside["tasks.py"]}
    assert len(outside["tasks.py"].splitlines()) <= 12
    assert (above.returncode, above.stdout) == (0, history.stdout), above.stderr
    linted = (".js", ".ts", ".tsx", ".jsx", ".json", ".md", ".yaml", ".yml", ".html", ".css")
    assert not [name for name in after.keys() - before.keys() if name.endswith(linted)]
    assert (history.returncode, json.loads(history.stdout)["ending"]) == (0, "nothing"), history.stderr
    assert (again.returncode, json.loads(again.stdout)["ending"]) == (0, "nothing"), again.stderr
    assert (tests.returncode, "copy of the desk" in json.loads(tests.stdout)["message"]) == (1, True)
    assert str(ROOT) not in history.stderr + again.stderr
    assert (copy / "scripts" / "bootstrap").stat().st_mode & 0o100

    bytecode = list((copy / "scripts").rglob("__pycache__/*"))

    assert {"app", "options", "init"} <= {path.name.partition(".")[0] for path in bytecode}
    assert [
        path for path in (*bytecode, *{path.parent for path in bytecode}) if path.stat().st_mode & 0o022
    ] == []


def test_the_apps_own_pytest_sees_nothing_of_the_copy(person: Repository) -> None:
    """It collects its own tests alone."""
    invoke("init", "--app", str(person.folder), "--vendor", "--yes")
    (person.folder / "test_own.py").write_text("def test_own() -> None: ...\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"],
        cwd=person.folder,
        env=environment(None),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout.split()[:1]) == (0, ["test_own.py::test_own"]), ended.stdout
    assert "1 test collected" in ended.stdout
