"""The Supabase CLI that the app pins: find its binary, parse its answers. Only JSON is trusted."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed, Refused
from scripts.system import process
from scripts.system.command import Result
from scripts.system.process import error_tail

WANTED = "3.1.0"  # the version that the desk was tried with
DEEPEST = 2  # levels of folders below the app's checkout: `apps/web`
# Below `node_modules`: as npm, yarn and bun lay it out, as pnpm does, and as isolated installs do.
FORMS = (
    "@supabase/cli-*/bin/supabase",
    ".pnpm/node_modules/@supabase/cli-*/bin/supabase",
    ".*/@supabase+cli-*/node_modules/@supabase/cli-*/bin/supabase",
)
NPM = "npm --prefix {folder} install --save-dev --save-exact {wanted}"
PNPM = "pnpm --dir {folder} add --save-dev --save-exact {wanted}"
YARN = "yarn --cwd {folder} add --dev --exact {wanted}"
BUN = "bun add --cwd {folder} --dev --exact {wanted}"
ADD = {"pnpm-lock.yaml": PNPM, "yarn.lock": YARN, "bun.lock": BUN, "bun.lockb": BUN}
INSTALL = {
    PNPM: "pnpm --dir {folder} install --frozen-lockfile",
    YARN: "yarn --cwd {folder} install --frozen-lockfile",
    BUN: "bun install --cwd {folder} --frozen-lockfile",
    NPM: "npm --prefix {folder} ci",
}
OLDEST = 3  # without a terminal, 2.x answers its own questions with yes


def answer(result: Result, what: str) -> Any:
    """The JSON document that a command printed.

    Raises:
        CommandFailed: it failed (with the CLI's own message), or printed no JSON.
    """
    try:
        document = json.loads(result.text)
    except ValueError:
        raise CommandFailed(
            f"`{what}` ended with {result.code} and no JSON{error_tail(result)}",
            exit_code=result.code,
        ) from None
    if result.code or (isinstance(document, dict) and document.get("_tag") == "Error"):
        raise CommandFailed(
            f"`{what}` ended with {result.code}{_quoted_error(document)}", exit_code=result.code
        )
    return document


def _quoted_error(document: Any) -> str:
    """The message of an error document, marked as the CLI's words."""
    error = document.get("error") if isinstance(document, dict) else None
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    return process.quoted_lines(message or json.dumps(document))


def find(app: Path, configured: str) -> Path:
    """The CLI's real binary: the configured one, or the one in the app's `node_modules`.

    Never npx: it writes its arguments to a log, and may fetch another version.

    Raises:
        Refused: there is none, or it is older than `OLDEST`.
    """
    if configured:
        binary = app / configured
        if binary.is_file():
            _check_version(binary)
            return binary
        raise Refused(f"there is no Supabase CLI at `{configured}`", "see `[supabase] cli`")
    for folder in places(app):
        binaries = [path for form in FORMS for path in sorted((folder / "node_modules").glob(form))]
        if binaries:
            binary = _for_this_machine(binaries)
            _check_version(binary)
            return binary
    raise Refused("the Supabase CLI is not in the app's `node_modules`", f"`{install_command(app)}`")


def places(app: Path) -> Iterator[Path]:
    """The folders whose `node_modules` may hold the CLI: the app's, those above it, then those below it."""
    yield from (app, *app.parents)
    level = [app]
    for _ in range(DEEPEST):
        level = [child for folder in level for child in _folders(folder)]
        yield from level


def _folders(folder: Path) -> list[Path]:
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        child
        for child in children
        if child.is_dir() and child.name != "node_modules" and not child.name.startswith(".")
    ]


def install_command(app: Path) -> str:
    """What brings the CLI, with the app's package manager, in a folder that has a package.

    Where the app pins it, it is only not installed on this machine.
    """
    packages = (folder for folder in places(app) if app in (folder, *folder.parents))
    package = next((folder for folder in packages if (folder / "package.json").is_file()), app)
    locks = (form for lock, form in ADD.items() if any((each / lock).is_file() for each in (package, app)))
    form = next(locks, NPM)
    if _is_pinned(package):
        return INSTALL[form].format(folder=package)
    return form.format(folder=package, wanted=f"supabase@{WANTED}")


def _is_pinned(package: Path) -> bool:
    """Whether a folder's `package.json` asks for an exact version that will do."""
    try:
        document = json.loads((package / "package.json").read_bytes())
        asked = {**document.get("dependencies", {}), **document.get("devDependencies", {})}
    except (OSError, ValueError, AttributeError, TypeError):
        return False
    exact = re.fullmatch(r"v?=?(\d+)\.\d+\.\d+", str(asked.get("supabase", "")))
    return exact is not None and int(exact[1]) >= OLDEST


def _for_this_machine(binaries: list[Path]) -> Path:
    """A `node_modules` copied from another machine may have several."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower())
    wanted = f"cli-{platform.system().lower()}-{machine or platform.machine().lower()}"
    return next((path for path in binaries if path.parents[1].name.startswith(wanted)), binaries[0])


def _check_version(binary: Path) -> None:
    """Read from its package: starting the CLI takes a second."""
    try:
        package = json.loads((binary.parents[1] / "package.json").read_text())
        version = str(package["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    major = re.match(r"v?([0-9]+)\.", version)
    if major and int(major[1]) < OLDEST:
        raise Refused(
            f"the Supabase CLI in `node_modules` is {version}: {OLDEST}.0 or newer is needed",
            f"`npm install --save-dev --save-exact supabase@{WANTED}`",
        )
