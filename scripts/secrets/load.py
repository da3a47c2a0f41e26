"""What was written down for each environment, line by line, and who else can read it."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.config.env_files import Lines
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, ConfigError
from scripts.git.command import git_command
from scripts.secrets.variables import PROCESS, Public, Variable, Written
from scripts.system.background import submit
from scripts.system.command import Command, inherited, with_prefix
from scripts.system.process import attempt, error_tail

VITE_CONFIG = [f"vite.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs")]
ENV_PREFIX = re.compile(r"\benvPrefix\s*:\s*(\[[^\]]*\]|\"[^\"]*\"|'[^']*'|`[^`]*`)")
TEXT = re.compile(r"[\"'`]([^\"'`]+)[\"'`]")


def public(desk: Desk) -> Public:
    """What reaches a browser: the known prefixes, those of the app's Vite, and what the build is given."""
    prefixes = [*desk.settings.secrets.public_prefixes]
    for name in VITE_CONFIG:
        file = desk.git.folder / name
        if file.is_file() and file.stat().st_size < env_files.LARGEST:
            for match in ENV_PREFIX.finditer(file.read_text(encoding="utf-8", errors="replace")):
                prefixes += TEXT.findall(match.group(1))
    return Public(tuple(dict.fromkeys(prefixes)), desk.settings.app.build_variables)


def all_written(desk: Desk) -> dict[str, Written]:
    """What was written for each environment of the chain, by its name."""
    files = tuple(file.name for each in desk.settings if (file := _file(desk, each)).exists())
    if not files or desk.settings.secrets.provider == "sops":  # encrypted files belong into git
        return {each.name: written_of(desk, each) for each in desk.settings}
    tracked = submit(tracked_by_git, desk.config_folder, files)
    ignored = submit(ignored_by_git, desk.config_folder, files)
    found = {each.name: written_of(desk, each) for each in desk.settings}
    known = (tracked.result(), ignored.result())
    return {name: _with_faults(each, desk, *known) for name, each in found.items()}


def _file(desk: Desk, environment: Environment) -> Path:
    return file_of(desk.config_folder, environment.name, desk.settings.secrets.provider)


def written_of(desk: Desk, environment: Environment) -> Written:
    """The lines of one environment's file, and what the process says over it."""
    file = _file(desk, environment)
    lines = env_files.lines(text(file, desk.settings.secrets.provider) or "")
    variables = [Variable(name, value, file.name, number) for number, name, value in lines.entries]
    said = desk.process(environment, tuple(each.name for each in variables))
    variables += [Variable(name, value, PROCESS) for name, value in said.items()]
    return Written(environment.name, file.name, tuple(variables), lines.faults)


def _with_faults(
    written: Written, desk: Desk, tracked: AbstractSet[str], ignored: AbstractSet[str] | None
) -> Written:
    """The same, with what lets others read the file."""
    file = desk.config_folder / written.file
    exposed = []
    mode = loose_mode(file)
    if mode is not None:
        exposed.append(
            (f"its mode {mode:04o} lets other users of this machine read it", f"`chmod 600 {file}`")
        )
    if written.file in tracked:
        exposed.append(
            ("it is in git, where everybody who can clone has it",
             f"`git rm --cached {file}`, commit, and rotate every secret in it: git keeps what was")
        )  # fmt: skip
    elif ignored is not None and file.exists() and written.file not in ignored:
        exposed.append(
            ("git does not ignore it: the next `git add -A` takes it along", "`echo '.env.*' >>.gitignore`")
        )
    return Written(
        written.environment, written.file, written.variables, written.faults, exposed=tuple(exposed)
    )


def examples(desk: Desk) -> Iterator[Written]:
    """The committed examples: their names are judged, their values are placeholders."""
    for environment in desk.settings:
        file = desk.config_folder / f".env.{environment.name}.example"
        yield _plain(environment.name, file, env_files.lines(env_files.text(file) or ""), "example")


def beside(desk: Desk, prefixes: tuple[str, ...]) -> Iterator[Written]:
    """What a build reads besides: `.env` files at the app's root, and public names of the process."""
    last = desk.settings.chain[-1]
    if desk.git.folder.resolve() != desk.config_folder.resolve():
        for file in env_files_in(desk.git.folder):
            yield _plain(last, file, env_files.lines(env_files.text(file) or ""), "build")
    process = tuple(Variable(name, value, PROCESS) for name, value in with_prefix(prefixes).items())
    yield Written(last, PROCESS, process, kind="build")


def _plain(environment: str, file: Path, lines: Lines, kind: str) -> Written:
    variables = tuple(Variable(name, value, file.name, number) for number, name, value in lines.entries)
    return Written(
        environment, file.name, variables, lines.faults, "example" if kind == "example" else "build"
    )


# Where the values of an environment lie: a private file, or one that SOPS has encrypted for git.


# How SOPS finds its keys: age, PGP, and the clouds.
KEYS = (
    "SOPS_AGE_KEY SOPS_AGE_KEY_FILE SOPS_AGE_KEY_CMD SOPS_AGE_SSH_PRIVATE_KEY_FILE SOPS_KMS_ARN "
    "SOPS_PGP_FP GNUPGHOME AWS_PROFILE AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN GOOGLE_APPLICATION_CREDENTIALS "
    "AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID VAULT_ADDR VAULT_TOKEN"
).split()
PATIENCE = 30.0  # seconds: a key may lie in a cloud
EXAMPLES = (".example", ".sample", ".template")
LOOSE = stat.S_IRWXG | stat.S_IRWXO


def file_of(folder: Path, environment: str, provider: str) -> Path:
    """Where an environment's values lie."""
    return folder / f".env.{environment}{'.sops' if provider == 'sops' else ''}"


def text(file: Path, provider: str) -> str | None:
    """The clear text of an environment's file, in memory alone; None when there is none.

    Raises:
        ConfigError: it can't be read, it is not encrypted, or SOPS is missing.
        CommandFailed: SOPS could not decrypt it.
    """
    found = env_files.text(file)
    return decrypted(file, found) if provider == "sops" and found is not None else found


def decrypted(file: Path, cipher: str) -> str:
    """What SOPS makes of the file. The clear text comes through a pipe, and never touches a disk."""
    if "sops_mac=ENC[" not in cipher:
        raise ConfigError(
            f"`{file}` is not encrypted by SOPS, and files of that name go to git",
            f"`sops encrypt --input-type dotenv --output-type dotenv --in-place {file}`;"
            " rotate what was committed",
        )
    program = shutil.which("sops")
    if program is None:
        raise ConfigError(
            f"`{file}` needs the program `sops`, which is not installed",
            'https://getsops.io has it; or `[secrets] provider = "file"` in `pipeline.toml`',
        )
    kinds = ("--input-type", "dotenv", "--output-type", "dotenv")
    result = attempt(
        Command((program, "decrypt", *kinds, str(file)), env=inherited(KEYS), timeout=PATIENCE)
    )
    if result.code != 0:
        raise CommandFailed(
            f"`sops` could not decrypt `{file}`{error_tail(result)}", "is `SOPS_AGE_KEY_FILE` set?"
        )
    return result.text


def loose_mode(file: Path) -> int | None:
    """The file's permissions where others have some; None where nobody else may read it."""
    try:
        found = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return None
    return found if found & LOOSE else None


def env_files_in(folder: Path) -> list[Path]:
    """The `.env` files that lie in a folder, examples and encrypted ones left out."""
    if not folder.is_dir():
        return []
    return sorted(
        each
        for each in folder.iterdir()
        if (each.name == ".env" or each.name.startswith(".env."))
        and not each.name.endswith((*EXAMPLES, ".sops", ".part"))
        and each.is_file()
    )


# What git knows of an app's files: a tracked file counts as not ignored, so both are asked.


GIT_PATIENCE = 10.0


def tracked_by_git(folder: Path, names: tuple[str, ...]) -> frozenset[str]:
    """Which of these files of a folder are in git's index; none outside of a checkout."""
    return _asked(folder, ("ls-files", "-z", "--", *(f":(literal){name}" for name in names)))


def ignored_by_git(folder: Path, names: tuple[str, ...]) -> frozenset[str] | None:
    """Which of these files git ignores by its rules, tracked or not; None outside of a checkout."""
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return None
    stdin = "".join(f"{name}\0" for name in names).encode()
    return _asked(folder, ("check-ignore", "--no-index", "-z", "--stdin"), stdin)


def lines(folder: Path, patterns: tuple[str, ...], suffixes: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """The lines of the tracked text files with these suffixes that match one of the patterns.

    Each is (file, number from 1, text); none outside of a checkout.
    """
    shown = ("grep", "-n", "-I", "-z", "--no-color", "--extended-regexp")
    wanted = [part for each in patterns for part in ("-e", each)]
    files = [f":(glob)**/*.{suffix}" for suffix in suffixes]
    found = []
    for line in _said(folder, (*shown, *wanted, "--", *files)).splitlines():
        file, number, text = (*line.split("\0", 2), "", "")[:3]
        if number.isdecimal():
            found.append((file, int(number), text))
    return found


def _asked(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> frozenset[str]:
    return frozenset(filter(None, _said(folder, arguments, stdin).split("\0")))


def _said(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> str:
    try:
        return attempt(git_command(folder, arguments, GIT_PATIENCE, stdin)).text
    except (CommandFailed, CommandTimedOut):  # no git, no checkout: nothing to know
        return ""


def address(folder: Path, remote: str) -> str:
    """Where a checkout's remote is; empty where nobody knows."""
    return "".join(_asked(folder, ("remote", "get-url", "--", remote))).strip()
