"""`env.scan --canary`: a build with marks in place of secrets proves what is inlined, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts.adapters import env_files
from scripts.adapters.secrets import published, sources, vite
from scripts.domain.outcome import Outcome
from scripts.domain.secrets import kinds
from scripts.domain.secrets.bundle import parts
from scripts.domain.secrets.finding import Finding, in_order
from scripts.domain.secrets.needles import Hidden, needles
from scripts.domain.secrets.variables import Public
from scripts.domain.settings import Environment
from scripts.shell import temporary
from scripts.workflows.secrets.check import reported
from scripts.workflows.secrets.written import public, written_of
from scripts.workflows.toolbox import Toolbox

EXTRA = "RELEASE_DESK_CANARY_SECRET"  # a variable that no code can name: who has it took all of them
MARK = "cnry"


def build_with_marks(tools: Toolbox, checkout: Path, target: Environment | None) -> Outcome:
    """Build the checkout once with marks, and look for them."""
    environment = target or next(iter(tools.settings))
    shown = public(tools)
    marks = {name: MARK + tools.new_id() + tools.new_id() for name in _names(tools, shown, checkout)}
    marks |= {f"{prefix}{EXTRA}": MARK + tools.new_id() + tools.new_id() for prefix in shown.prefixes[:1]}
    with temporary.folder() as folder:
        output = folder / "out"
        plain = _plain(tools, environment, shown)
        vite.build(checkout, output, plain | marks, tools.settings.replit.build_timeout)
        files = published.folder(output)
    found = in_order(_found(files, marks))
    return reported(
        found, f"{checkout}, {len(marks) - 1} secret name(s) under a public prefix, {len(files)} files"
    )


def _names(tools: Toolbox, shown: Public, checkout: Path) -> Iterator[str]:
    """Every secret name with a public prefix: of all environments, and of the checkout's own files."""
    variables = [each for place in tools.settings for each in written_of(tools, place).variables]
    pairs = [(each.name, each.value) for each in variables]
    for file in sources.env_files_in(checkout):
        pairs += [(name, value) for _, name, value in env_files.lines(env_files.text(file) or "").entries]
    for name, value in pairs:
        prefix = shown.prefix(name)
        if prefix and (kinds.is_secret(name, value, prefix) or kinds.is_secret_name(name, prefix)):
            yield name


def _plain(tools: Toolbox, environment: Environment, shown: Public) -> dict[str, str]:
    """The other public variables keep their values: a mark there would revive dead branches."""
    return {
        each.name: each.value
        for each in written_of(tools, environment).variables
        if (prefix := shown.prefix(each.name)) is not None
        and not kinds.is_secret(each.name, each.value, prefix)
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
