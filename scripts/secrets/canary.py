"""`env.scan --canary`: a build with marks in place of secrets proves what is inlined, whatever its form."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused, ReleaseFailed
from scripts.secrets import bundle, classify, load
from scripts.secrets.check import report
from scripts.secrets.classify import PublicNames
from scripts.secrets.finding import Finding, sort_findings
from scripts.secrets.scan import KnownSecret, needles
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import attempt, error_tail

EXTRA = "RELEASE_DESK_CANARY_SECRET"  # no code can name this variable: a bundle with it took all of them
MARK = "cnry"
VITE = "node_modules/vite/bin/vite.js"


def scan_canary_build(desk: Desk, checkout: Path, target: Environment | None) -> Outcome:
    """Build the checkout once with marks in place of secrets, and search the bundle for the marks."""
    environment = target or next(iter(desk.settings))
    public = load.public_names(desk)
    names = [
        *_secret_names(desk, public, checkout),
        *(f"{prefix}{EXTRA}" for prefix in public.prefixes[:1]),
    ]
    marks = {name: MARK + desk.new_id() + desk.new_id() for name in names}
    with temporary.folder() as folder:
        output = folder / "out"
        variables = _shown_values(desk, environment, public) | marks
        build(checkout, output, variables, desk.settings.replit.build_timeout)
        files = bundle.read_folder(output)
    findings = sort_findings(find_marks(files, marks))
    count = f"{len(marks) - 1} secret name(s) under a public prefix"
    return report(findings, f"{checkout}, {count}, {len(files)} files")


def _secret_names(desk: Desk, public: PublicNames, checkout: Path) -> Iterator[str]:
    """Every secret name with a public prefix: of all environments, and of the checkout's own files."""
    env_files = [load.load_environment(desk, environment) for environment in desk.settings]
    env_files += [load.masked(desk, load.load_file("", file)) for file in load.env_files_in(checkout)]
    for variable in (variable for env_file in env_files for variable in env_file.variables):
        prefix = public.prefix(variable.name)
        if prefix and (
            classify.is_secret(variable.name, variable.value, prefix)
            or classify.is_secret_name(variable.name, prefix)
        ):
            yield variable.name


def _shown_values(desk: Desk, environment: Environment, public: PublicNames) -> dict[str, str]:
    """The other public variables keep their values: a mark there would revive dead branches."""
    return {
        variable.name: variable.value
        for variable in load.load_environment(desk, environment).variables
        if (prefix := public.prefix(variable.name)) is not None
        and not classify.is_secret(variable.name, variable.value, prefix)
    }


def find_marks(files: Mapping[str, bytes], marks: Mapping[str, str]) -> Iterator[Finding]:
    """LEAK009, LEAK007: each file with the mark of each variable, in whatever form; `marks` by name."""
    sought = needles(KnownSecret("", name, mark) for name, mark in marks.items())
    seen: set[tuple[str, str]] = set()
    for part in bundle.unpack(files):
        for needle in sought:
            at, name = part.data.find(needle.data), needle.secret.name
            if at < 0 or (part.file, name) in seen:
                continue
            seen.add((part.file, name))
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


def build(checkout: Path, output: Path, variables: Mapping[str, str], timeout: float) -> None:
    """Build the checkout with Vite into `output`, with these variables, which win over its `.env` files.

    Raises:
        Refused: there is no Vite, or no node.
        ReleaseFailed: the build failed.
    """
    vite = checkout / VITE
    if not vite.is_file():
        raise Refused(
            f"`{checkout}` has no Vite installed (`{VITE}`)",
            "`npm ci` there; other bundlers have no canary",
        )
    node = shutil.which("node")
    if node is None:
        raise Refused("there is no `node` on this machine", "install node 20 or newer")
    argv = (node, str(vite), "build", "--outDir", str(output), "--emptyOutDir", "--logLevel", "error")
    result = attempt(Command(argv, cwd=checkout, env=dict(variables), timeout=timeout))
    if result.code != 0:
        raise ReleaseFailed(f"Vite could not build `{checkout}`{error_tail(result)}")
