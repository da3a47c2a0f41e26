"""`env.scan --canary`: a build with marks in place of secrets proves what is inlined, whatever its form."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.config import places
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
from scripts.system.confinement import confinement
from scripts.system.process import attempt, error_tail

EXTRA = "RELEASE_DESK_CANARY_SECRET"  # no code can name this variable: a bundle with it took all of them
MARK = "cnry"
OWN_FILES = (".env", ".env.local", ".env.production", ".env.production.local")
PACKAGES = "node_modules"
VITE = f"{PACKAGES}/vite/bin/vite.js"


def scan_canary_build(desk: Desk, checkout: Path, target: Environment | None) -> Outcome:
    """Build the checkout once with marks in place of secrets, and search the bundle for the marks."""
    places.warn(desk)
    environment = target or next(iter(desk.settings))
    public = load.public_names(desk)
    names = [
        *_secret_names(desk, public, checkout),
        *(f"{prefix}{EXTRA}" for prefix in public.prefixes[:1]),
    ]
    marks = {name: MARK + desk.new_id() + desk.new_id() for name in names}
    with temporary.folder() as folder:
        output = folder / "out"
        variables = _shown_values(desk, environment, public, checkout) | marks
        build(checkout, output, variables, desk.settings.replit.build_timeout, places.hidden(desk))
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


def _shown_values(
    desk: Desk, environment: Environment, public: PublicNames, checkout: Path
) -> dict[str, str]:
    """The other public variables keep their values: a mark there would revive dead branches.

    The checkout's own files count first, in the order in which Vite reads them.
    """
    files = (load.load_file("", checkout / name) for name in OWN_FILES if (checkout / name).is_file())
    return {
        variable.name: variable.value
        for env_file in (*files, load.load_environment(desk, environment))
        for variable in env_file.variables
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


def build(
    checkout: Path,
    output: Path,
    variables: Mapping[str, str],
    timeout: float,
    hidden: tuple[Path, ...] = (),
) -> None:
    """Build a copy of the checkout with Vite, confined, and take what it built over into `output`.

    Its `.env` files are left out of the copy: what the build may have of them is in `variables`.

    Args:
        hidden: files and folders that the build must not see.

    Raises:
        Refused: there is no Vite, or no node; or the build left more than can be taken over.
        ReleaseFailed: the build failed.
    """
    if not (checkout / VITE).is_file():
        raise Refused(
            f"`{checkout}` has no Vite installed (`{VITE}`)",
            "`npm ci` there; other bundlers have no canary",
        )
    node = shutil.which("node")
    if node is None:
        raise Refused("there is no `node` on this machine", "install node 20 or newer")
    with confinement(hidden) as confined:
        app, packages = _copied(checkout.resolve(), confined.place / "app")
        built = confined.place / "out"
        options = ("--outDir", str(built), "--emptyOutDir", "--logLevel", "error")
        argv = (node, str(app / VITE), "build", *options)
        command = Command(argv, cwd=app, env=dict(variables), timeout=timeout)
        result = attempt(confined.command(command, [*packages, Path(node), Path(node).resolve()]))
        if result.code != 0:
            raise ReleaseFailed(f"Vite could not build `{checkout}`{error_tail(result)}")
        confined.collect("out", output)
        if _count(output) != _count(built):
            what = "the build left links, or more than 2000 files or 256 MB"
            raise Refused(what, "scan the folder that it builds")


def _copied(checkout: Path, place: Path) -> tuple[Path, list[Path]]:
    """Copy the repository's folder that holds the checkout, with links to installed packages.

    Returns:
        The checkout in the copy, and the folders that its links lead to.
    """
    top = next((each for each in (checkout, *checkout.parents) if (each / ".git").exists()), checkout)
    packages: list[Path] = []

    def left_out(folder: str, names: list[str]) -> set[str]:
        packages.extend(Path(folder, name) for name in names if name == PACKAGES)
        return {name for name in names if name in (PACKAGES, ".git") or name.startswith(".env")}

    shutil.copytree(top, place, symlinks=True, ignore=left_out)
    for folder in packages:
        copy = place / folder.relative_to(top)
        copy.mkdir()
        for package in folder.iterdir():
            if not package.name.startswith(".vite"):  # Vite writes there
                (copy / package.name).symlink_to(package)
    return place / checkout.relative_to(top), packages


def _count(folder: Path) -> int:
    return sum(not path.is_dir() for path in folder.rglob("*"))
