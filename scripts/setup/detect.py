# pure
"""From the files of a checkout to facts: which app it is, how it is built, where its migrations are."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from scripts.errors import Refused
from scripts.setup import hosting, packages
from scripts.setup.facts import CHAIN, AppFacts, Found
from scripts.setup.frameworks import FRAMEWORKS, Framework, Output, dependencies
from scripts.setup.hosting import Word
from scripts.setup.packages import App, Manager
from scripts.setup.tree import Tree, join
from scripts.setup.variables_found import sites, variables

STATIC = (
    "Vite",
    "Create React App",
    "Astro",
    "Expo",
    "Gatsby",
    "Vue CLI",
    "",
)  # the output may be anywhere
UNKNOWN = Framework("", (), (), (), lambda _tree, _folder: Output("dist"))
SAYS_NOTHING = frozenset(
    "web app frontend front client site website www ui root monorepo workspace vite-react-shadcn-ts"
    " rest-express my-app nextjs my-v0-project vite-project turbo-repo"
    " nuxt-app tanstack-start-ts vite-app next-app".split()
)
FUNCTION = re.compile(r"((?:.*/)?supabase/functions)/(?!_)[^/]+/[^/]+\.[jt]sx?")
TYPES = re.compile(r"(?:.*/)?(?:types|db|(?:database|supabase)(?:[.-]types)?)\.ts")
MIGRATION = re.compile(r"(?:(.*)/)?supabase/migrations/[0-9]+_[^/]*\.sql")
OTHER_MIGRATIONS = re.compile(r"(?:.*/)?(prisma/migrations|drizzle|db/migrate|migrations)/.*\.sql")


class Choice(NamedTuple):
    """The app that is meant, and what says so."""

    app: App
    source: str
    check: str = ""


class Ambiguous(Refused):
    """There are several apps, and nothing says which is meant.

    Args:
        apps: the choice.
    """

    def __init__(self, apps: Sequence[App]) -> None:
        self.apps = tuple(apps)
        super().__init__(
            f"this repository has several apps: {packages.named(apps)}",
            f"name one: `--app-folder {apps[0].folder or '.'}`",
        )


def choose(tree: Tree, wanted: str) -> Choice:
    """The app to release.

    Args:
        wanted: its folder, as somebody typed it; "" to find out, "." for the top.

    Raises:
        Ambiguous: several apps, and no file of a host or of CI names one.
        Refused: there is no app in the wanted folder.
    """
    found = packages.apps(tree)
    if wanted:
        folder = "" if wanted.strip("/") in (".", "") else join("", wanted.strip("/"))
        app = next((app for app in found if app.folder == folder), None)
        if app is None and join(folder, "package.json") not in tree.files:
            hint = f"the apps are {packages.named(found)}" if found else "it needs a `package.json`"
            raise Refused(f"there is no app in `{wanted}`", hint)
        return Choice(app or App(folder, UNKNOWN, ""), "--app-folder")
    if not found:
        return Choice(App("", UNKNOWN, ""), "", "no web app was found: name its folder with `--app-folder`")
    if len(found) == 1:
        return Choice(found[0], join(found[0].folder, "package.json") if found[0].folder else "")
    said = [word for word in hosting.words(tree, [app.folder for app in found]) if word.about == "folder"]
    first = [word for word in said if word.source == said[0].source]
    if first and len({word.value for word in first}) == 1:
        return Choice(next(app for app in found if app.folder == first[0].value), first[0].source)
    raise Ambiguous(found)


def detect(tree: Tree, wanted: str, fallback_name: str) -> AppFacts:
    """All facts that the files tell; see `choose` for what is raised.

    Args:
        fallback_name: of the app, where its package has none.
    """
    choice = choose(tree, wanted)
    app = choice.app
    every = packages.apps(tree)
    said = hosting.words(tree, [each.folder for each in (*every, app)])
    hints = {word.value: word.source for word in reversed(said) if word.about == "manager"}
    manager = packages.manager_of(tree, app.folder, hints)
    found = variables(
        tree, app.folder, [each.folder for each in every if each != app], app.framework.prefixes
    )
    migrations, database = _database(tree, app.folder)
    prefixes = app.framework.prefixes
    doubt = (
        ""
        if prefixes or found.public
        else "the framework is not known: which variables does the build need?"
    )
    settings = _build_settings(tree, choice, manager, said)
    return AppFacts(
        name=_name(tree, app.folder, fallback_name),
        settings={**settings, "migrations": migrations},
        framework=app.framework.title,
        public=Found(
            found.public, f"names that begin with {' or '.join(prefixes)}" if prefixes else "", doubt
        ),
        leaking=found.leaking,
        foreign=found.foreign,
        server=found.server,
        database=database,
        functions=_functions(tree, str(migrations.value)),
        tests=packages.tests_of(tree, app, manager, at_top=settings["folder"].value != app.folder),
        types=_types(tree),
        sites={each: Found(*site) for each in CHAIN if (site := sites(tree, app.folder, each))},
    )


def _name(tree: Tree, folder: str, fallback: str) -> Found:
    """The app's name: of its package, unless that says nothing (`web`), else of the checkout."""
    for path in _packages_for(tree, folder):
        name = plain_name(str(tree.json(path).get("name") or ""))
        if name and name not in SAYS_NOTHING:
            return Found(name, path)
    return Found(plain_name(fallback) or "app", "the checkout's folder")


def plain_name(text: str) -> str:
    """A name in lower-case letters, digits and `-`, without the scope of a package."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().rpartition("/")[2]).strip("-")


def _build_settings(tree: Tree, choice: Choice, manager: Manager, said: Sequence[Word]) -> dict[str, Found]:
    """The keys of `[app]` about the build; all are relative to the folder that is found."""
    app = choice.app
    output = app.framework.output(tree, app.folder)
    outside = output.folder.startswith("../")
    build = packages.build_of(tree, app, manager, at_top=outside)
    folder = build.folder if app.framework.title else app.folder
    moved = folder != app.folder
    place, static = output.folder, output.static
    if moved:  # the command runs at the top
        place = join(app.folder, output.folder)
        static = join(app.folder, output.static) if output.static else ""
    node = bool(app.framework.title) or join(app.folder, "package.json") in tree.files
    nothing = Found([], "", "no `package.json`: what installs the app's packages? [] for nothing")
    lockfile = (
        posixpath.relpath(join(app.folder, manager.lockfile), folder or ".") if manager.lockfile else ""
    )
    return {
        "folder": Found(folder, choice.source, choice.check),
        "install": Found(list(manager.install), manager.source, manager.check) if node else nothing,
        "lockfile": Found(lockfile or "package.json", manager.source or "package.json"),
        "build": Found(list(build.command), build.source, build.check),
        "output": _output(app, output, place, said),
        "static": Found(static, app.framework.title if static else ""),
        "version_path": Found(output.version_path, output.source),
    }


def _output(app: App, output: Output, place: str, said: Sequence[Word]) -> Found:
    """Where the build goes: by its own configuration, else by a host's file, else as is usual."""
    told = next((word for word in said if word.about == "output" and word.value not in ("", ".")), None)
    if app.framework.title not in STATIC:
        told = None
    if output.source or told is None or told.value == output.folder:
        other = told is not None and told.value != output.folder
        check = f"`{told.source}` says `{told.value}`" if told and other else ""
        source = output.source or (told.source if told else "")
        title = app.framework.title
        unknown = "" if title else "what does the build fill?"
        usual = f"{title}'s default" if title else ""
        return Found(place, source or usual, output.check or check or unknown)
    return Found(told.value, told.source)


def _database(tree: Tree, folder: str) -> tuple[Found, bool]:
    """The folder of the migrations, relative to the top, and whether there is a database at all."""
    counts: dict[str, int] = {}
    for path in tree.below(""):
        if match := MIGRATION.fullmatch(path):
            place = join(match[1] or "", "supabase")
            counts[place] = counts.get(place, 0) + 1
    projects = [posixpath.dirname(path) for path in tree.below("") if path.endswith("supabase/config.toml")]
    places = sorted({*counts, *projects}, key=lambda each: (-counts.get(each, 0), len(each), each))
    if len(places) > 1 and counts:
        places = [place for place in places if place in counts]
    if places:
        chosen = next((place for place in places if folder and place.startswith(f"{folder}/")), places[0])
        others = ", ".join(f"`{place}`" for place in places if place != chosen)
        source = f"{counts[chosen]} files" if chosen in counts else join(chosen, "config.toml")
        none = (
            ""
            if chosen in counts
            else "no migration yet: `invoke db.adopt --env production --baseline` makes one"
        )
        check = f"there is {others} too" if others else none
        return Found(join(chosen, "migrations"), source, check), True
    return _without_project(tree, folder)


def _functions(tree: Tree, migrations: str) -> Found:
    """The folder of the Edge Functions: beside the migrations, else wherever there is one."""
    folders = sorted({match[1] for path in tree.files if (match := FUNCTION.fullmatch(path))})
    beside = join(posixpath.dirname(migrations), "functions")
    if not folders:
        return Found("", "no Edge Functions")
    others = [folder for folder in folders[1:] if beside not in folders]
    check = f"there is `{others[0]}` too" if others else ""
    return Found(beside if beside in folders else folders[0], "", check)


def _types(tree: Tree) -> Found:
    """The file that `supabase gen types` wrote."""
    candidates = {path: tree.read(path) for path in sorted(filter(TYPES.fullmatch, tree.files))}
    found = [path for path, text in candidates.items() if "Database" in text and "Tables: {" in text]
    if not found:
        return Found("")
    others = ", ".join(f"`{path}`" for path in found[1:])
    return Found(found[0], "generated types", f"there is {others} too" if others else "")


def _without_project(tree: Tree, folder: str) -> tuple[Found, bool]:
    uses = [
        path
        for path in _packages_for(tree, folder)
        if "@supabase/supabase-js" in dependencies(tree.json(path))
    ]
    foreign = next((match[1] for path in tree.below("") if (match := OTHER_MIGRATIONS.fullmatch(path))), "")
    if foreign:
        check = f"`{foreign}` is not applied: the desk applies Supabase's migrations alone"
        return Found("" if not uses else "supabase/migrations", uses[0] if uses else "", check), bool(uses)
    if uses:
        check = "the app uses Supabase without migrations: `invoke db.adopt --env production --baseline`"
        return Found("supabase/migrations", uses[0], check), True
    return Found("", "no `supabase` folder"), False


def _packages_for(tree: Tree, folder: str) -> Iterator[str]:
    yield from dict.fromkeys(
        path for path in (join(folder, "package.json"), "package.json") if path in tree.files
    )


def prefixes_of(title: str) -> tuple[str, ...]:
    """The public prefixes of a framework."""
    return next((each.prefixes for each in FRAMEWORKS if each.title == title), ())


def listed(facts: AppFacts) -> Mapping[str, Found]:
    """The facts as people read them, by the names of their keys."""
    return {
        "name": facts.name,
        **facts.settings,
        "build_variables": facts.public,
        "functions": facts.functions,
        **({"types": facts.types} if facts.types.value else {}),
        **{f"{suite} tests": found for suite, found in facts.tests.items()},
    }
