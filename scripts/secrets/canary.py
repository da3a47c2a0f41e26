"""`env.scan --canary`: a build with marks in place of secrets proves what is inlined, whatever its form."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused, ReleaseFailed
from scripts.secrets import bundle, classify, load
from scripts.secrets.bundle import parts
from scripts.secrets.check import reported
from scripts.secrets.finding import Finding, in_order
from scripts.secrets.load import public, written_of
from scripts.secrets.needles import Hidden, needles
from scripts.secrets.variables import Public
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import attempt, error_tail

EXTRA = "RELEASE_DESK_CANARY_SECRET"  # a variable that no code can name: who has it took all of them
MARK = "cnry"


def build_with_marks(desk: Desk, checkout: Path, target: Environment | None) -> Outcome:
    """Build the checkout once with marks, and look for them."""
    environment = target or next(iter(desk.settings))
    shown = public(desk)
    marks = {name: MARK + desk.new_id() + desk.new_id() for name in _names(desk, shown, checkout)}
    marks |= {f"{prefix}{EXTRA}": MARK + desk.new_id() + desk.new_id() for prefix in shown.prefixes[:1]}
    with temporary.folder() as folder:
        output = folder / "out"
        plain = _plain(desk, environment, shown)
        build(checkout, output, plain | marks, desk.settings.replit.build_timeout)
        files = bundle.folder(output)
    found = in_order(_found(files, marks))
    return reported(
        found, f"{checkout}, {len(marks) - 1} secret name(s) under a public prefix, {len(files)} files"
    )


def _names(desk: Desk, shown: Public, checkout: Path) -> Iterator[str]:
    """Every secret name with a public prefix: of all environments, and of the checkout's own files."""
    variables = [each for place in desk.settings for each in written_of(desk, place).variables]
    pairs = [(each.name, each.value) for each in variables]
    for file in load.env_files_in(checkout):
        pairs += [(name, value) for _, name, value in env_files.lines(env_files.text(file) or "").entries]
    for name, value in pairs:
        prefix = shown.prefix(name)
        if prefix and (classify.is_secret(name, value, prefix) or classify.is_secret_name(name, prefix)):
            yield name


def _plain(desk: Desk, environment: Environment, shown: Public) -> dict[str, str]:
    """The other public variables keep their values: a mark there would revive dead branches."""
    return {
        each.name: each.value
        for each in written_of(desk, environment).variables
        if (prefix := shown.prefix(each.name)) is not None
        and not classify.is_secret(each.name, each.value, prefix)
    }


def _found(files: dict[str, bytes], marks: dict[str, str]) -> Iterator[Finding]:
    sought = needles(Hidden("", name, mark) for name, mark in marks.items())
    told: set[tuple[str, str]] = set()
    for part in parts(files):
        for needle in sought:
            at, name = part.data.find(needle.data), needle.hidden.name
            if at < 0 or (part.file, name) in told:
                continue
            told.add((part.file, name))
            if name.endswith(EXTRA):
                yield Finding(
                    "LEAK007", "warning", part.file, None, "",
                    "the whole of `import.meta.env` is in it: each public variable is published",
                    "read each by its own name: `import.meta.env.NAME`; a dependency may do it too", at,
                )  # fmt: skip
            else:
                yield Finding(
                    "LEAK009", "error", part.file, None, name, f"the build puts `{name}` into the bundle",
                    "rename it without its public prefix, keep it on the server, and rotate it", at,
                )  # fmt: skip


# Vite in an app's checkout, called for a build that is looked at and thrown away.


CLI = "node_modules/vite/bin/vite.js"


def build(checkout: Path, output: Path, variables: Mapping[str, str], timeout: float) -> None:
    """Build the checkout into `output` with these variables, which win over its `.env` files.

    Raises:
        Refused: there is no Vite, or no node.
        ReleaseFailed: the build failed.
    """
    cli = checkout / CLI
    if not cli.is_file():
        raise Refused(
            f"`{checkout}` has no Vite installed (`{CLI}`)", "`npm ci` there; other bundlers have no canary"
        )
    node = shutil.which("node")
    if node is None:
        raise Refused("there is no `node` on this machine", "install node 20 or newer")
    argv = (node, str(cli), "build", "--outDir", str(output), "--emptyOutDir", "--logLevel", "error")
    result = attempt(Command(argv, cwd=checkout, env=dict(variables), timeout=timeout))
    if result.code != 0:
        raise ReleaseFailed(f"Vite could not build `{checkout}`{error_tail(result)}")
