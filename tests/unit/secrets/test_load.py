"""Env files: their lines, what the process environment says instead, SOPS, and who else can read them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, ConfigError
from scripts.git.client import Git
from scripts.secrets import load
from scripts.secrets.rules import SOURCE_PATTERNS, SOURCE_SUFFIXES
from scripts.secrets.variables import PROCESS
from scripts.system.secret import MASK, redact
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository
from tests.support.tables import settings


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk whose configuration and app are one checkout."""
    Repository(tmp_path).git("init", "-q")
    return fake_desk(tmp_path, config_folder=tmp_path)


def write(folder: Path, name: str, text: str, mode: int = 0o600) -> Path:
    """A file with these permissions."""
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def test_an_environment_has_its_file_and_the_process_environment(tmp_path: Path) -> None:
    """In this order, each with its place; lines that can't be read are faults."""
    process = {"A": "process", "C": "c"}
    desk = fake_desk(tmp_path, config_folder=tmp_path, process=lambda _environment, _names: process)
    write(tmp_path, ".env.staging", "A=file\nB=$x\nC=d\n")

    env_file = load.load_environment(desk, desk.settings.environment("staging"))

    assert [(v.name, v.value, v.file, v.line) for v in env_file.variables] == [
        ("A", "file", ".env.staging", 1),
        ("C", "d", ".env.staging", 3),
        ("A", "process", PROCESS, None),
        ("C", "c", PROCESS, None),
    ]
    assert (env_file.environment, env_file.file) == ("staging", ".env.staging")
    assert [number for number, _why in env_file.faults] == [2]


def test_whatever_is_read_is_masked_from_then_on(tmp_path: Path) -> None:
    """Of every environment and of the app's own files; not what is public, nor an environment's name."""
    app = tmp_path / "app"
    app.mkdir()
    desk = fake_desk(tmp_path, config_folder=tmp_path, git=Git(app, "origin"))
    write(
        tmp_path,
        ".env.production",
        "SMTP_PASS=pw-of-production\nVITE_TITLE=The-Title-1\nDB_PASSWORD=staging\n",
    )
    write(app, ".env.local", "LOCAL_LOGIN=Login-of-app-1\n")

    load.load_all(desk)
    list(load.load_build_inputs(desk, load.public_names(desk)))

    assert redact("pw-of-production Login-of-app-1") == f"{MASK} {MASK}"
    assert redact("The-Title-1 on staging") == "The-Title-1 on staging"


def test_no_file_is_an_environment_without_variables(tmp_path: Path) -> None:
    """Not a fault."""
    files = load.load_all(fake_desk(tmp_path, config_folder=tmp_path))

    assert [(file.variables, file.faults, file.exposed) for file in files.values()] == [((), (), ())] * 3


def test_a_file_that_others_can_read_says_why(desk: Desk, tmp_path: Path) -> None:
    """By its mode, because git has it, or because git would take it; each with the way out."""
    write(tmp_path, ".gitignore", ".env.production\n")
    write(tmp_path, ".env.development", "A=b\n", 0o644)
    write(tmp_path, ".env.staging", "A=b\n")
    write(tmp_path, ".env.production", "A=b\n")
    Repository(tmp_path).git("add", "-f", ".env.development")

    exposed = {name: [why for why, _ in file.exposed] for name, file in load.load_all(desk).items()}

    assert [why.split(":")[0].split(",")[0] for why in exposed["development"]] == [
        "its mode 0644 lets other users of this machine read it",
        "it is in git",
    ]
    assert [why.split(":")[0] for why in exposed["staging"]] == ["git does not ignore it"]
    assert exposed["production"] == []


def test_a_link_to_a_file_that_is_in_git_says_so(desk: Desk, tmp_path: Path) -> None:
    """Git ignores the link, and has the file."""
    write(tmp_path, "values.txt", "A=b\n")
    write(tmp_path, ".gitignore", ".env*\n")
    (tmp_path / ".env.staging").symlink_to("values.txt")
    Repository(tmp_path).git("init", "-q")
    Repository(tmp_path).git("add", "values.txt")

    ((why, hint),) = load.load_all(desk)["staging"].exposed

    assert f"it leads to `{tmp_path / 'values.txt'}`, which is in git" in why
    assert "git rm --cached" in hint


def test_outside_of_a_checkout_only_the_mode_counts(tmp_path: Path) -> None:
    """Git knows nothing of it."""
    write(tmp_path, ".env.staging", "A=b\n", 0o640)
    files = load.load_all(fake_desk(tmp_path, config_folder=tmp_path))

    assert len(files["staging"].exposed) == 1
    assert "0640" in files["staging"].exposed[0][0]


@pytest.mark.parametrize(("mode", "loose"), [(0o600, None), (0o400, None), (0o604, 0o604), (0o660, 0o660)])
def test_permissions_for_others(tmp_path: Path, mode: int, loose: int | None) -> None:
    """Group counts as others; a missing file is read by nobody."""
    assert load.loose_mode(write(tmp_path, "a", "", mode)) == loose
    assert load.loose_mode(tmp_path / "none") is None


def test_env_files_of_a_folder(tmp_path: Path) -> None:
    """Without examples, encrypted and unfinished ones."""
    for name in (
        ".env",
        ".env.local",
        ".env.example",
        ".env.staging.sops",
        ".env.x.part",
        ".envrc",
        "a.env",
    ):
        write(tmp_path, name, "")
    (tmp_path / ".env.d").mkdir()

    assert [file.name for file in load.env_files_in(tmp_path)] == [".env", ".env.local"]
    assert load.env_files_in(tmp_path / "none") == []


def test_examples_and_build_inputs_have_their_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example an environment; the app's own files and public names of the process once."""
    app, env = tmp_path / "app", tmp_path / "env"
    app.mkdir()
    env.mkdir()
    desk = fake_desk(tmp_path, config_folder=env, git=Git(app, "origin"))
    write(env, ".env.staging.example", "A_TOKEN=\n")
    write(app, ".env.local", "VITE_A=b\n")
    for name in [name for name in os.environ if name.startswith("VITE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VITE_FROM_PROCESS", "c")

    examples = {file.environment: file for file in load.load_examples(desk)}
    inputs = list(load.load_build_inputs(desk, load.public_names(desk)))

    assert [v.name for v in examples["staging"].variables] == ["A_TOKEN"]
    assert {file.kind for file in examples.values()} == {"example"}
    assert [(file.kind, file.file, [v.name for v in file.variables]) for file in inputs] == [
        ("build", ".env.local", ["VITE_A"]),
        ("build", PROCESS, ["VITE_FROM_PROCESS"]),
    ]


def test_an_app_in_the_same_folder_has_no_files_of_its_own(desk: Desk, tmp_path: Path) -> None:
    """They are the environments'."""
    write(tmp_path, ".env.staging", "A=b\n")

    assert [file.file for file in load.load_build_inputs(desk, load.public_names(desk))] == [PROCESS]


@pytest.mark.parametrize(
    ("config", "prefixes"),
    [
        ("export default { envPrefix: 'APP_' }", ("APP_",)),
        ('export default { envPrefix: ["VITE_", `OPEN_`] }', ("OPEN_",)),
        ("export default {}", ()),
    ],
)
def test_the_prefixes_of_the_apps_own_vite_are_public(
    desk: Desk, tmp_path: Path, config: str, prefixes: tuple[str, ...]
) -> None:
    """Beside the configured ones, each once."""
    write(tmp_path, "vite.config.ts", config)

    assert load.public_names(desk).prefixes == (*desk.settings.secrets.public_prefixes, *prefixes)


def test_what_the_build_gets_is_public(tmp_path: Path) -> None:
    """Without a prefix, too."""
    desk = fake_desk(tmp_path, settings=settings(app__build_variables=["TITLE"]))

    assert load.public_names(desk).prefix("TITLE") == ""


def test_a_file_for_sops_that_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    """Files of that name go to git."""
    file = load.file_of(tmp_path, "staging", "sops")
    assert (load.text(file, "sops"), file.name) == (None, ".env.staging.sops")
    file.write_text("A=b\n")

    with pytest.raises(ConfigError, match="is not encrypted"):
        load.text(file, "sops")


def test_sops_decrypts_in_memory_or_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program gets the file; its clear text is on no disk."""
    file = write(tmp_path, ".env.staging.sops", "A=ENC[x]\nsops_mac=ENC[y]\n")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ConfigError, match="which is not installed"):
        load.text(file, "sops")
    program = write(tmp_path, "sops", '#!/bin/sh\ntest "$1" = decrypt && echo "A=clear"\n', 0o700)
    monkeypatch.setattr(shutil, "which", lambda _name: str(program))
    assert load.text(file, "sops") == "A=clear\n"
    write(tmp_path, "sops", "#!/bin/sh\necho no key >&2; exit 128\n", 0o700)
    with pytest.raises(CommandFailed, match="no key of this machine opens it"):
        load.text(file, "sops")

    assert sorted(each.name for each in tmp_path.iterdir()) == [".env.staging.sops", "sops"]


CLEAR = "sk-plain-0123456789abcdef"
ENCRYPTED = "A=ENC[x]\n#ENC[comment]\nEMPTY=\nsops_mac=ENC[y]\nsops_version=3.9.0\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"NEW_API_KEY={CLEAR}", "line 6 (`NEW_API_KEY`)"),
        (f'  NEW_API_KEY = "{CLEAR}"', "line 6"),
        (f"export NEW_API_KEY={CLEAR}", "line 6"),
        (CLEAR, "line 6"),
        (f"{CLEAR}==", "line 6"),
        (f"{CLEAR}=more", "line 6"),
    ],
)
def test_a_value_in_clear_text_among_encrypted_ones_is_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    """SOPS itself would print it: it is not asked."""
    program = write(tmp_path, "sops", f"#!/bin/sh\necho 'Input string {CLEAR}' >&2; exit 1\n", 0o700)
    monkeypatch.setattr(shutil, "which", lambda _name: str(program))
    file = write(tmp_path, ".env.staging.sops", f"{ENCRYPTED}{line}\n")

    with pytest.raises(ConfigError) as error:
        load.text(file, "sops")

    assert said in error.value.message
    assert CLEAR not in error.value.message + str(error.value.hint)


def test_what_sops_quotes_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file's own rules allow clear text, and SOPS fails all the same: in whatever words."""
    said = f"panic: unexpected `{CLEAR[:12]}`, then {CLEAR[12:]}"
    program = write(tmp_path, "sops", f"#!/bin/sh\necho '{said}' >&2; echo '{CLEAR}'; exit 51\n", 0o700)
    monkeypatch.setattr(shutil, "which", lambda _name: str(program))
    clear = f"X_PLAIN={CLEAR}\nsops_unencrypted_suffix=_PLAIN\n"
    file = write(tmp_path, ".env.staging.sops", f"{ENCRYPTED}{clear}")

    with pytest.raises(CommandFailed) as error:
        load.text(file, "sops")

    assert "it was changed without `sops`" in error.value.message
    assert not [at for at in range(len(CLEAR) - 5) if CLEAR[at : at + 6] in error.value.message]


def test_source_lines_are_found_in_tracked_files_alone(tmp_path: Path) -> None:
    """Of every name and depth; none outside of a checkout."""
    assert load.grep_tracked(tmp_path, SOURCE_PATTERNS, SOURCE_SUFFIXES) == []
    repository = Repository(tmp_path)
    repository.git("init", "-q")
    for name in ("a.ts", "deep/er/b é:1.vue", "notes.md"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("first\nuse(import.meta.env)\n")
    repository.git("add", "-A")
    (tmp_path / "new.ts").write_text("use(import.meta.env)\n")

    assert sorted(load.grep_tracked(tmp_path, SOURCE_PATTERNS, SOURCE_SUFFIXES)) == [
        ("a.ts", 2, "use(import.meta.env)"),
        ("deep/er/b é:1.vue", 2, "use(import.meta.env)"),
    ]


def test_what_git_knows_of_files(desk: Desk, tmp_path: Path) -> None:
    """A tracked file counts as not ignored, so both are asked."""
    write(tmp_path, ".gitignore", ".env*\n")
    write(tmp_path, ".env.a", "")
    Repository(tmp_path).git("add", "-f", ".env.a")

    assert load.tracked_by_git(tmp_path, (".env.a", ".env.b")) == {".env.a"}
    assert load.ignored_by_git(tmp_path, (".env.a", ".env.b", "c")) == frozenset({".env.a", ".env.b"})
    assert load.ignored_by_git(Path("/"), ("a",)) is None
