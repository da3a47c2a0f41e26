"""What was written down for each environment, line by line, and who else can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from scripts.adapters import env_files
from scripts.adapters.env_files import Lines
from scripts.adapters.secrets import sources, versioned
from scripts.domain.secrets.variables import PROCESS, Public, Variable, Written
from scripts.domain.settings import Environment
from scripts.shell.background import begin
from scripts.shell.environment import starting_with
from scripts.workflows.toolbox import Toolbox

VITE_CONFIG = [f"vite.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs")]
ENV_PREFIX = re.compile(r"\benvPrefix\s*:\s*(\[[^\]]*\]|\"[^\"]*\"|'[^']*'|`[^`]*`)")
TEXT = re.compile(r"[\"'`]([^\"'`]+)[\"'`]")


def public(tools: Toolbox) -> Public:
    """What reaches a browser: the known prefixes, those of the app's Vite, and what the build is given."""
    prefixes = [*tools.settings.secrets.public_prefixes]
    for name in VITE_CONFIG:
        file = tools.git.folder / name
        if file.is_file() and file.stat().st_size < env_files.LARGEST:
            for match in ENV_PREFIX.finditer(file.read_text(encoding="utf-8", errors="replace")):
                prefixes += TEXT.findall(match.group(1))
    return Public(tuple(dict.fromkeys(prefixes)), tools.settings.app.build_variables)


def all_written(tools: Toolbox) -> dict[str, Written]:
    """What was written for each environment of the chain, by its name."""
    files = tuple(file.name for each in tools.settings if (file := _file(tools, each)).exists())
    if not files or tools.settings.secrets.provider == "sops":  # encrypted files belong into git
        return {each.name: written_of(tools, each) for each in tools.settings}
    tracked = begin(versioned.tracked, tools.config_folder, files)
    ignored = begin(versioned.ignored, tools.config_folder, files)
    found = {each.name: written_of(tools, each) for each in tools.settings}
    known = (tracked.result(), ignored.result())
    return {name: _with_faults(each, tools, *known) for name, each in found.items()}


def _file(tools: Toolbox, environment: Environment) -> Path:
    return sources.file_of(tools.config_folder, environment.name, tools.settings.secrets.provider)


def written_of(tools: Toolbox, environment: Environment) -> Written:
    """The lines of one environment's file, and what the process says over it."""
    file = _file(tools, environment)
    lines = env_files.lines(sources.text(file, tools.settings.secrets.provider) or "")
    variables = [Variable(name, value, file.name, number) for number, name, value in lines.entries]
    said = tools.process(environment, tuple(each.name for each in variables))
    variables += [Variable(name, value, PROCESS) for name, value in said.items()]
    return Written(environment.name, file.name, tuple(variables), lines.faults)


def _with_faults(
    written: Written, tools: Toolbox, tracked: AbstractSet[str], ignored: AbstractSet[str] | None
) -> Written:
    """The same, with what lets others read the file."""
    file = tools.config_folder / written.file
    exposed = []
    mode = sources.mode(file)
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


def examples(tools: Toolbox) -> Iterator[Written]:
    """The committed examples: their names are judged, their values are placeholders."""
    for environment in tools.settings:
        file = tools.config_folder / f".env.{environment.name}.example"
        yield _plain(environment.name, file, env_files.lines(env_files.text(file) or ""), "example")


def beside(tools: Toolbox, prefixes: tuple[str, ...]) -> Iterator[Written]:
    """What a build reads besides: `.env` files at the app's root, and public names of the process."""
    last = tools.settings.chain[-1]
    if tools.git.folder.resolve() != tools.config_folder.resolve():
        for file in sources.env_files_in(tools.git.folder):
            yield _plain(last, file, env_files.lines(env_files.text(file) or ""), "build")
    process = tuple(Variable(name, value, PROCESS) for name, value in starting_with(prefixes).items())
    yield Written(last, PROCESS, process, kind="build")


def _plain(environment: str, file: Path, lines: Lines, kind: str) -> Written:
    variables = tuple(Variable(name, value, file.name, number) for number, name, value in lines.entries)
    return Written(
        environment, file.name, variables, lines.faults, "example" if kind == "example" else "build"
    )
