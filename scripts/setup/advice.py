# pure
"""What in an app would stop or spoil a release, each with what to type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from scripts.setup import hosting
from scripts.setup.deployment import replit_file
from scripts.setup.facts import Advice, AppFacts
from scripts.setup.frameworks import dependencies
from scripts.setup.tree import Tree, above, join

CLI = "supabase@3.1.0"
ADD = {
    "npm": "npm install --save-dev --save-exact",
    "pnpm": "pnpm add --save-dev --save-exact",
    "yarn": "yarn add --dev --exact",
    "bun": "bun add --dev --exact",
}
BUILDS = re.compile(r"\b(build|generate|vite|export)\b(?!.*test -f)")


def about(tree: Tree, facts: AppFacts, tracked: Mapping[str, Sequence[str]]) -> Iterator[Advice]:
    """All of it, the worst first.

    Args:
        tracked: the `.env` files in git that hold secrets, with their names.
    """
    for file, names in tracked.items():
        listed = ", ".join(f"`{name}`" for name in names[:3]) + (" and more" if len(names) > 3 else "")
        yield Advice(
            f"`{file}` is in git with {listed}",
            f"`git rm --cached {file} && echo /{file} >>.gitignore`, commit, and replace what it holds",
        )
    yield from _publish(tree, facts)
    if facts.database:
        yield from _supabase_cli(tree, facts)
    for name, prefix in sorted(facts.leaking.items()):
        yield Advice(
            f"`{name}` sounds like a secret: it is left out of the build, which every visitor can read",
            f"let the server read `{name.removeprefix(prefix)}`; if its vendor makes it for browsers,"
            " add it to `build_variables`",
        )
    yield from _foreign(facts)


def _publish(tree: Tree, facts: AppFacts) -> Iterator[Advice]:
    """What Replit's Publish would do instead of shipping the build of the release."""
    folder, output = (str(facts.settings[key].value) for key in ("folder", "output"))
    place = join(folder, output)
    if ".replit" not in tree.files and facts.framework:
        lines = [line for line in replit_file(tree, facts).splitlines()[2:] if line]
        yield Advice(
            "the app has no `.replit`: Publish ships nothing without its `[deployment]`",
            f"add one with these lines, and commit it: `{'; '.join(lines)}`",
        )
    if command := hosting.runs_dev_server(tree):
        static = f'`deploymentTarget = "static"` and `publicDir = "{place}"`'
        yield Advice(
            f"`.replit` publishes a server for development: `run` is `{command}`",
            f'in `[deployment]`: `run = ["npm", "run", "start"]`, or for an app without a server {static}',
        )
    if BUILDS.search(hosting.command_text(hosting.deployment_of(tree).get("build"))):
        yield Advice(
            "`.replit` builds again on Publish, and `version.json` is lost",
            f'in `[deployment]`: `build = ["sh", "-c", "test -f {place}/version.json"]`',
        )


def _supabase_cli(tree: Tree, facts: AppFacts) -> Iterator[Advice]:
    """The CLI has to be pinned in the app, in a version that does not answer its own questions."""
    folder = str(facts.settings["folder"].value)
    places = dict.fromkeys((*above(folder), *above(str(facts.settings["migrations"].value))))
    asked = {
        place: dependencies(tree.json(join(place, "package.json"))).get("supabase") for place in places
    }
    version = next((each for each in asked.values() if each), None)
    tool = next(iter(facts.settings["install"].value), "npm")
    command = f"{ADD.get(tool, ADD['npm'])} {CLI}"
    hint = f"`cd {folder} && {command}`, and commit it" if folder else f"`{command}`, and commit it"
    if version is None:
        yield Advice("the app does not pin the Supabase CLI, which applies the migrations", hint)
    elif not re.fullmatch(r"v?(?:[3-9]|\d\d+)\.\d+\.\d+", version):
        yield Advice(
            f"the app asks for the Supabase CLI `{version}`: it should be an exact version 3.x", hint
        )


def _foreign(facts: AppFacts) -> Iterator[Advice]:
    for name in facts.foreign:
        yield Advice(
            f"`{name}` is set by another host alone: it is left out of the build",
            "give the app a variable of its own for it, and add that to `build_variables`",
        )
