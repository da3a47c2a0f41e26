"""The variables of each environment as they are written down, line by line, and who else can read them."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Literal

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, ConfigError
from scripts.git.command import git_command
from scripts.secrets.classify import PublicNames, masked_values
from scripts.secrets.variables import PROCESS, EnvFile, Variable
from scripts.system.background import submit
from scripts.system.command import Command, inherited, with_prefix
from scripts.system.process import attempt
from scripts.system.secret import remember, would_mask

VITE_CONFIG = [f"vite.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs")]
ENV_PREFIX = re.compile(r"\benvPrefix\s*:\s*(\[[^\]]*\]|\"[^\"]*\"|'[^']*'|`[^`]*`)")
QUOTED = re.compile(r"[\"'`]([^\"'`]+)[\"'`]")
# The variables by which SOPS finds its keys: age, PGP, and the clouds.
SOPS_KEYS = (
    "SOPS_AGE_KEY SOPS_AGE_KEY_FILE SOPS_AGE_KEY_CMD SOPS_AGE_SSH_PRIVATE_KEY_FILE SOPS_KMS_ARN "
    "SOPS_PGP_FP GNUPGHOME AWS_PROFILE AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN GOOGLE_APPLICATION_CREDENTIALS "
    "AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID VAULT_ADDR VAULT_TOKEN"
).split()
SOPS_CODES = {
    24: "its checksum can't be decrypted",
    25: "a value of it can't be decrypted",
    51: "its checksum does not fit: it was changed without `sops`",
    52: "it has no checksum",
    128: "no key of this machine opens it",
}
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")  # anything else may be a value
SOPS_TIMEOUT = 30.0  # seconds: a key may have to come from a cloud
GIT_TIMEOUT = 10.0
EXAMPLES = (".example", ".sample", ".template")
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def public_names(desk: Desk) -> PublicNames:
    """What reaches a browser: the configured prefixes, the app's own for Vite, and what the build gets."""
    prefixes = [*desk.settings.secrets.public_prefixes]
    for name in VITE_CONFIG:
        file = desk.app_folder / name
        if file.is_file() and file.stat().st_size < env_files.LARGEST:
            for match in ENV_PREFIX.finditer(file.read_text(encoding="utf-8", errors="replace")):
                prefixes += QUOTED.findall(match.group(1))
    return PublicNames(tuple(dict.fromkeys(prefixes)), desk.settings.app.build_variables)


def load_all(desk: Desk) -> dict[str, EnvFile]:
    """The variables of each environment of the chain, by its name, with what lets others read the files."""
    names = tuple(file.name for environment in desk.settings if (file := _file(desk, environment)).exists())
    if not names or desk.settings.secrets.provider == "sops":  # encrypted files belong into git
        return {environment.name: load_environment(desk, environment) for environment in desk.settings}
    tracked = submit(tracked_by_git, desk.config_folder, names)
    ignored = submit(ignored_by_git, desk.config_folder, names)
    loaded = [load_environment(desk, environment) for environment in desk.settings]
    return {
        env_file.environment: replace(
            env_file,
            exposed=_exposure(desk.config_folder / env_file.file, tracked.result(), ignored.result()),
        )
        for env_file in loaded
    }


def load_environment(desk: Desk, environment: Environment) -> EnvFile:
    """The lines of one environment's file, then what the process environment says instead."""
    file = _file(desk, environment)
    parsed = _parsed(environment.name, file, text(file, desk.settings.secrets.provider))
    process = desk.process(environment, tuple(variable.name for variable in parsed.variables))
    from_process = (Variable(name, value, PROCESS) for name, value in process.items())
    return masked(desk, replace(parsed, variables=(*parsed.variables, *from_process)))


def masked(desk: Desk, env_file: EnvFile) -> EnvFile:
    """The same; each value that is not public by rule is masked from now on, whoever quotes it.

    One that stands in the name of an environment or branch is not: only a run that uses it refuses that.
    """
    settings = desk.settings
    values = {variable.name: variable.value for variable in env_file.variables}
    public = PublicNames(settings.secrets.public_prefixes, settings.app.build_variables)
    for name, value in masked_values(values, public, settings.names, declared=True):
        if not any(would_mask(value, each) for each in settings.names):
            remember(value, f"`{name}` of `{env_file.file}`")
    return env_file


def load_file(environment: str, file: Path, kind: Literal["example", "build"] = "build") -> EnvFile:
    """A `.env` file that is no environment's own; nothing where it does not exist."""
    return _parsed(environment, file, env_files.read_text(file), kind)


def _parsed(
    environment: str,
    file: Path,
    content: str | None,
    kind: Literal["values", "example", "build"] = "values",
) -> EnvFile:
    lines = env_files.parse_lines(content or "")
    variables = tuple(Variable(name, value, file.name, number) for number, name, value in lines.entries)
    return EnvFile(environment, file.name, variables, lines.faults, kind, causes=lines.causes)


def _exposure(
    file: Path, tracked: AbstractSet[str], ignored: AbstractSet[str] | None
) -> tuple[tuple[str, str], ...]:
    """Why others can read the file, each with how to fix it."""
    exposed = []
    mode = loose_mode(file)
    if mode is not None:
        exposed.append(
            (f"its mode {mode:04o} lets other users of this machine read it", f"`chmod 600 {file}`")
        )
    if file.name in tracked:
        exposed.append(
            ("it is in git, where everybody who can clone has it",
             f"`git rm --cached {file}`, commit, and rotate every secret in it: git keeps what was")
        )  # fmt: skip
    elif file.is_symlink() and tracked_by_git(file.resolve().parent, (file.resolve().name,)):
        exposed.append(
            (f"it leads to `{file.resolve()}`, which is in git, where everybody who can clone has it",
             f"`git rm --cached {file.resolve()}`, commit, and rotate every secret in it")
        )  # fmt: skip
    elif ignored is not None and file.exists() and file.name not in ignored:
        exposed.append(
            ("git does not ignore it: the next `git add -A` takes it along", "`echo '.env.*' >>.gitignore`")
        )
    return tuple(exposed)


def load_examples(desk: Desk) -> Iterator[EnvFile]:
    """The committed examples: their names are checked, their values are placeholders."""
    for environment in desk.settings:
        file = desk.config_folder / f".env.{environment.name}.example"
        yield load_file(environment.name, file, "example")


def load_build_inputs(desk: Desk, public: PublicNames) -> Iterator[EnvFile]:
    """What a build reads besides: `.env` files at the app's root, and public names of the process."""
    last = desk.settings.chain[-1]
    for folder in dict.fromkeys((desk.git.folder, desk.app_folder)):
        if folder.resolve() != desk.config_folder.resolve():
            for file in env_files_in(folder):
                yield masked(desk, load_file(last, file))
    process = with_prefix(public.prefixes)
    variables = tuple(Variable(name, value, PROCESS) for name, value in process.items())
    yield EnvFile(last, PROCESS, variables, kind="build")


def _file(desk: Desk, environment: Environment) -> Path:
    return file_of(desk.config_folder, environment.name, desk.settings.secrets.provider)


def file_of(folder: Path, environment: str, provider: str) -> Path:
    """Where an environment's values are: a private file, or one that SOPS has encrypted for git."""
    return folder / f".env.{environment}{'.sops' if provider == 'sops' else ''}"


def text(file: Path, provider: str) -> str | None:
    """The clear text of an environment's file, in memory alone; None when there is none.

    Raises:
        ConfigError: it can't be read, it is not encrypted, or SOPS is missing.
        CommandFailed: SOPS could not decrypt it.
    """
    content = env_files.read_text(file)
    return _decrypted(file, content) if provider == "sops" and content is not None else content


def _decrypted(file: Path, cipher: str) -> str:
    """The file as SOPS decrypts it. The clear text comes through a pipe, and is never written to a disk."""
    if "sops_mac=ENC[" not in cipher:
        raise ConfigError(
            f"`{file}` is not encrypted by SOPS, and files of that name go to git",
            f"`sops encrypt --input-type dotenv --output-type dotenv --in-place {file}`;"
            " rotate what was committed",
        )
    plain = _plain_lines(cipher)
    if plain:  # SOPS would refuse them too, and print their values
        listed = ", ".join(plain[:10]) + (f" and {len(plain) - 10} more" if len(plain) > 10 else "")
        raise ConfigError(
            f"`{file}` holds lines that SOPS did not encrypt, and files of that name go to git: {listed}",
            f"take them out, add them with `sops edit --input-type dotenv --output-type dotenv {file}`,"
            " and rotate what was committed",
        )
    program = shutil.which("sops")
    if program is None:
        raise ConfigError(
            f"`{file}` needs the program `sops`, which is not installed",
            'https://getsops.io has it; or `[secrets] provider = "file"` in `pipeline.toml`',
        )
    argv = (program, "decrypt", "--input-type", "dotenv", "--output-type", "dotenv", str(file))
    result = attempt(Command(argv, env=inherited(SOPS_KEYS), timeout=SOPS_TIMEOUT))
    if result.code != 0:
        # its own words are never passed on: they may quote a value in clear text
        why = SOPS_CODES.get(result.code, f"it ended with {result.code}")
        raise CommandFailed(
            f"`sops` could not decrypt `{file}`: {why}",
            "is `SOPS_AGE_KEY_FILE` set? On a terminal of your own this says more:"
            f" `sops decrypt --input-type dotenv --output-type dotenv {file} >/dev/null`",
            exit_code=result.code,
        )
    return result.text


def _plain_lines(cipher: str) -> list[str]:
    """The lines of an encrypted file whose value is in clear text, as `line 3 (`NAME`)`; never the value.

    Such values are masked from now on. What the file's own rules leave in clear text is left out.
    """
    lines = [(number, line.strip()) for number, line in enumerate(cipher.splitlines(), 1)]
    pairs = [(number, *line.partition("=")) for number, line in lines if line and not line.startswith("#")]
    rules = {name: value for _, name, _, value in pairs if name.startswith("sops_")}
    found = []
    for number, name, sign, value in pairs:
        encrypted = value.startswith("ENC[") or (sign and not value)
        if encrypted or name in rules or (sign and _stays_clear(name, rules)):
            continue
        remember((value or name).strip(" \"'"))
        found.append(f"line {number}" + (f" (`{name}`)" if sign and VARIABLE.fullmatch(name) else ""))
    return found


def _stays_clear(name: str, rules: Mapping[str, str]) -> bool:
    """Whether the rules in the file's own metadata leave this variable in clear text."""
    suffix = rules.get("sops_unencrypted_suffix")
    encrypted = rules.get("sops_encrypted_suffix")
    if (suffix and name.endswith(suffix)) or (encrypted and not name.endswith(encrypted)):
        return True
    try:
        clear, secret = rules.get("sops_unencrypted_regex"), rules.get("sops_encrypted_regex")
        return bool((clear and re.search(clear, name)) or (secret and not re.search(secret, name)))
    except re.error:  # a rule in the dialect of Go
        return False


def loose_mode(file: Path) -> int | None:
    """The file's permissions if they let others in; None if they do not, or there is no file."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return None
    return mode if mode & FOR_OTHERS else None


def env_files_in(folder: Path) -> list[Path]:
    """The `.env` files of a folder, without examples and encrypted ones."""
    if not folder.is_dir():
        return []
    return sorted(
        file
        for file in folder.iterdir()
        if (file.name == ".env" or file.name.startswith(".env."))
        and not file.name.endswith((*EXAMPLES, ".sops", ".part"))
        and file.is_file()
    )


def tracked_by_git(folder: Path, names: tuple[str, ...]) -> frozenset[str]:
    """Which of these files of a folder are in git's index; none outside of a checkout."""
    return _git_names(folder, ("ls-files", "-z", "--", *(f":(literal){name}" for name in names)))


def ignored_by_git(folder: Path, names: tuple[str, ...]) -> frozenset[str] | None:
    """Which of these files git ignores by its rules, tracked or not; None outside of a checkout."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    stdin = "".join(f"{name}\0" for name in names).encode()
    return _git_names(folder, ("check-ignore", "--no-index", "-z", "--stdin"), stdin)


def grep_tracked(
    folder: Path, patterns: tuple[str, ...], suffixes: tuple[str, ...]
) -> list[tuple[str, int, str]]:
    """The lines of the tracked text files with these suffixes that match one of the patterns.

    Each is (file, number from 1, text); none outside of a checkout.
    """
    options = ("-n", "-I", "-z", "--no-color", "--extended-regexp")
    expressions = [part for pattern in patterns for part in ("-e", pattern)]
    files = [f":(glob)**/*.{suffix}" for suffix in suffixes]
    matches = []
    for line in _git(folder, ("grep", *options, *expressions, "--", *files)).splitlines():
        file, number, matching = (*line.split("\0", 2), "", "")[:3]
        if number.isdecimal():
            matches.append((file, int(number), matching))
    return matches


def _git_names(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> frozenset[str]:
    return frozenset(filter(None, _git(folder, arguments, stdin).split("\0")))


def _git(folder: Path, arguments: tuple[str, ...], stdin: bytes | None = None) -> str:
    try:
        return attempt(git_command(folder, arguments, GIT_TIMEOUT, stdin)).text
    except (CommandFailed, CommandTimedOut):  # no git, or no checkout: nothing is known
        return ""
