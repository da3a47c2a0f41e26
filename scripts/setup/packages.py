# pure
"""The apps of a checkout and their package managers: what installs and builds each of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from typing import NamedTuple

from scripts.setup.facts import Found
from scripts.setup.frameworks import Framework, dependencies, framework_of
from scripts.setup.tree import Tree, above, join, table

DEEPEST = 3  # folders below the top in which an app may be
# What shows, documents or tests something is not what a team releases, unless there is nothing else.
ASIDE = re.compile(
    r"(^|/)\.?(examples?|docs?|documentation|demos?|e2e|tests?|__tests__|fixtures|templates?|playgrounds?|storybook"
    r"|samples?|functions|sandbox|benchmarks?)(/|$)"
)
LOCKFILES = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
INSTALL = {
    "npm": ("npm", "ci"),
    "pnpm": ("pnpm", "install", "--frozen-lockfile"),
    "yarn": ("yarn", "install", "--frozen-lockfile"),
    "yarn berry": ("yarn", "install", "--immutable"),
    "bun": ("bun", "install", "--frozen-lockfile"),
}
# How each runs a program of `node_modules`, and a script of another folder.
RUN = {"npm": ("npx", "--no-install"), "pnpm": ("pnpm", "exec"), "yarn": ("yarn", "run"), "bun": ("bunx",)}
IN_FOLDER = {"npm": "--prefix", "pnpm": "--dir", "yarn": "--cwd", "bun": "--cwd"}
SCRIPTS = ("build", "build:web", "web:build", "export:web", "build:prod", "build:production", "generate")
TESTS = {
    "unit": ("test:unit", "unit", "test"),
    "integration": ("test:integration", "integration", "test:int"),
}
DATABASE = re.compile(
    r"\b(supabase (db|migration)|prisma (migrate|db)|drizzle-kit (push|migrate)|knex migrate|sequelize db"
    r"|typeorm migration)\b"
)


class App(NamedTuple):
    """A web app in a checkout.

    Args:
        name: its package's; "" where it has none.
    """

    folder: str
    framework: Framework
    name: str


class Manager(NamedTuple):
    """The package manager of an app.

    Args:
        lockfile: relative to the app's folder; "" where there is none.
        check: what a person should look at; "" for nothing.
    """

    name: str
    lockfile: str
    source: str
    check: str = ""

    @property
    def install(self) -> tuple[str, ...]:
        """The install command; without a lock file it is not reproducible."""
        plain = self.name.partition(" ")[0]
        return INSTALL[self.name] if self.lockfile else (plain, "install")


def apps(tree: Tree) -> tuple[App, ...]:
    """The web apps that a team could release, the top's first."""
    found = [app for folder in _folders(tree) if (app := _app(tree, folder)) is not None]
    return tuple([app for app in found if not ASIDE.search(app.folder)] or found)


def _folders(tree: Tree) -> Iterator[str]:
    """The folders with a package, or with an Nx project that uses the packages of the top."""
    names = ("package.json", "project.json")
    folders = {posixpath.dirname(path) for path in tree.files if posixpath.basename(path) in names}
    yield from sorted(
        (folder for folder in folders if folder.count("/") < DEEPEST), key=lambda f: (f.count("/"), f)
    )


def _app(tree: Tree, folder: str) -> App | None:
    package = tree.json(join(folder, "package.json"))
    asked = dependencies(package)
    if join(folder, "project.json") in tree.files and folder:  # Nx: one package for all projects
        asked = {**dependencies(tree.json("package.json")), **asked}
        if not any(
            tree.config(folder, f"{stem}.config") for stem in ("vite", "next", "nuxt", "astro", "svelte")
        ):
            return None
    elif not folder and "nx.json" in tree.files and not tree.first("", "index.html"):
        return None
    framework = framework_of(tree, folder, asked)
    name = tree.json(join(folder, "project.json")).get("name") or package.get("name") or ""
    return App(folder, framework, str(name)) if framework else None


def manager_of(tree: Tree, folder: str, hints: Mapping[str, str]) -> Manager:
    """The package manager of the app in a folder, by the nearest lock file that covers it.

    Args:
        hints: a manager -> the file of a host or of CI that calls it.
    """
    asked, asked_in = _asked(tree, folder)
    for place in above(folder):
        present = [name for name in LOCKFILES if join(place, name) in tree.files]
        if not present or (place != folder and not _covers(tree, place, folder)):
            continue
        path = posixpath.relpath(place or ".", folder or ".")
        chosen, check = _choose(present, asked, hints)
        name = _with_version(tree, place, LOCKFILES[chosen], asked)
        source = f"{asked_in}" if check == "" and len(present) > 1 and asked else join(place, chosen)
        return Manager(name, chosen if path == "." else f"{path}/{chosen}", source, check)
    plain = asked.partition("@")[0] if asked.partition("@")[0] in RUN else next(iter(hints), "npm")
    return Manager(plain, "", asked_in or "", "no lock file: each install may bring other packages")


def _asked(tree: Tree, folder: str) -> tuple[str, str]:
    """The `packageManager` of the nearest `package.json` that has one, and that file."""
    for place in above(folder):
        path = join(place, "package.json")
        asked = tree.json(path).get("packageManager")
        if isinstance(asked, str):
            return asked, path
    return "", ""


def _covers(tree: Tree, top: str, folder: str) -> bool:
    """Whether a folder's workspace has the app among its packages."""
    inside = posixpath.relpath(folder, top or ".")
    if join(top, "nx.json") in tree.files and join(folder, "package.json") not in tree.files:
        return True
    listed = tree.json(join(top, "package.json")).get("workspaces")
    patterns = table(listed).get("packages") if isinstance(listed, dict) else listed
    globs = [str(each) for each in patterns] if isinstance(patterns, list) else []
    globs += re.findall(r"(?m)^\s*-\s*[\"']?([^\"'#\s]+)", tree.read(join(top, "pnpm-workspace.yaml")))
    return any(
        fnmatch(inside, each.removeprefix("./").rstrip("/")) for each in globs if not each.startswith("!")
    )


def _choose(present: list[str], asked: str, hints: Mapping[str, str]) -> tuple[str, str]:
    """The lock file that counts among several, and the doubt that is left."""
    managers = {LOCKFILES[name] for name in present}
    if len(managers) == 1:
        return present[0], ""
    for wanted in (asked.partition("@")[0], *hints):
        if wanted in managers:
            return next(name for name in present if LOCKFILES[name] == wanted), ""
    listed = " and ".join(f"`{name}`" for name in present)
    return present[0], f"{listed} are both there: which of them is kept up to date?"


def _with_version(tree: Tree, place: str, name: str, asked: str) -> str:
    """Yarn from version 2 on has another option for the same thing."""
    if name != "yarn":
        return name
    modern = re.match(r"yarn@([2-9]|\d\d)", asked) or join(place, ".yarnrc.yml") in tree.files
    return "yarn berry" if modern or "__metadata:" in tree.read(join(place, "yarn.lock"))[:2000] else "yarn"


class Build(NamedTuple):
    """How an app is built; `folder` is where the command runs, relative to the top."""

    folder: str
    command: tuple[str, ...]
    source: str
    check: str = ""


def build_of(tree: Tree, app: App, manager: Manager, *, at_top: bool = False) -> Build:
    """The build command: of a monorepo's tool where there is one, else the app's own script.

    Args:
        at_top: the output lies outside of the app's folder, so the command has to run at the top.
    """
    plain = manager.name.partition(" ")[0]
    package = join(app.folder, "package.json")
    scripts = table(tree.json(package).get("scripts"))
    script = next((name for name in SCRIPTS if name in scripts), "")
    if app.folder and "nx.json" in tree.files and join(app.folder, "project.json") in tree.files:
        return Build("", (*RUN[plain], "nx", "build", app.name), "nx.json")
    if app.folder and "turbo.json" in tree.files and script == "build" and app.name:
        command = (*RUN[plain], "turbo", "run", "build", f"--filter={app.name}")
        return Build("" if at_top else app.folder, command, "turbo.json")
    if script:
        where = (IN_FOLDER[plain], app.folder) if at_top and app.folder else ()
        command = (plain, *where, "run", script) if plain != "bun" else (plain, "run", *where, script)
        return Build(
            "" if at_top else app.folder, command, package, _touches_database(str(scripts[script]))
        )
    if not app.framework.title and package not in tree.files:
        return Build(app.folder, (), "", "no `package.json`: what builds the app?")
    if not app.framework.title:
        return Build(app.folder, (plain, "run", "build"), "", f"`{package}` has no script that builds")
    check = f"`{package}` has no script that builds: this is the framework's own command"
    return Build(app.folder, (*RUN[plain], *app.framework.command), "", check)


def tests_of(tree: Tree, app: App, manager: Manager, *, at_top: bool) -> dict[str, Found]:
    """The commands of the app's own tests, by the scripts of its package.

    Args:
        at_top: commands run at the repository's top, and not in the app's folder.
    """
    plain = manager.name.partition(" ")[0]
    package = join(app.folder, "package.json")
    scripts = table(tree.json(package).get("scripts"))
    where = (IN_FOLDER[plain], app.folder) if at_top and app.folder else ()
    found = {}
    for suite, names in TESTS.items():
        name = next((each for each in names if _tests(scripts.get(each))), "")
        if name:
            command = (plain, "run", *where, name) if plain == "bun" else (plain, *where, "run", name)
            found[suite] = Found(list(command), package)
    return found


def _tests(script: object) -> bool:
    """Whether a script tests something: `npm init` writes one that only fails."""
    return isinstance(script, str) and bool(script.strip()) and "no test specified" not in script


def _touches_database(script: str) -> str:
    found = DATABASE.search(script)
    return f"the build calls `{found[0]}`: a build must not change a database" if found else ""


def named(apps_: Iterable[App]) -> str:
    """The apps as they are listed for people."""
    return ", ".join(f"`{app.folder or '.'}` ({app.framework.title})" for app in apps_)
