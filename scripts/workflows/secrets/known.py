"""What a leak scan knows beforehand: the secrets of all environments, and what may be public."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scripts.adapters import env_files
from scripts.adapters.secrets import sources
from scripts.domain.secrets import forms, kinds
from scripts.domain.secrets.needles import Hidden
from scripts.domain.secrets.scan import Known
from scripts.domain.secrets.variables import PROCESS, Public, Variable, Written
from scripts.domain.settings import Environment
from scripts.errors import DeskError
from scripts.shell.environment import whole
from scripts.workflows.secrets.written import public, written_of
from scripts.workflows.toolbox import Toolbox

DISTINCT = 12  # characters from which on a value tells one environment from another


def known(tools: Toolbox, target: Environment | None) -> Known:
    """Everything that a scan looks for; with a target, also whether it is that environment's bundle.

    Raises:
        DeskError: the target's own values can't be read; those of the others are left out then.
    """
    shown = public(tools)
    places = {each.name: _of(tools, each, must=target is None or each is target) for each in tools.settings}
    hidden = [
        Hidden(place.environment, each.name, each.value)
        for place in [*places.values(), *_beside(tools)]
        for each in shown.secrets(place.variables)
    ]
    browser = {each.value for place in places.values() for each in place.variables if _shown(shown, each)}
    own = _distinct(tools, places[target.name], places, target) if target else {}
    return Known(
        secrets=tuple(
            each for each in hidden if each.value not in browser or forms.secret_form(each.value)
        ),
        public=tuple(browser),
        prefixes=shown.prefixes,
        own=own,
        others=tuple(_others(tools, places, target)) if target else (),
    )


def _of(tools: Toolbox, environment: Environment, *, must: bool) -> Written:
    try:
        return written_of(tools, environment)
    except DeskError:
        if must:
            raise
        tools.progress.note(f"the values of {environment.name} can't be read, so they are not looked for")
        return Written(environment.name, "")


def _shown(shown: Public, variable: Variable) -> bool:
    """A variable that a browser may have: public by its name, and no secret."""
    prefix = shown.prefix(variable.name)
    return prefix is not None and not kinds.is_secret(variable.name, variable.value, prefix)


def _beside(tools: Toolbox) -> Iterable[Written]:
    """What else lies about: `.local` files, the app's own `.env` files, and the process environment."""
    names = {sources.file_of(tools.config_folder, each.name, "file") for each in tools.settings}
    folders = dict.fromkeys((tools.config_folder.resolve(), tools.git.folder.resolve()))
    for file in (file for folder in folders for file in sources.env_files_in(folder) if file not in names):
        lines = env_files.lines(env_files.text(file) or "")
        found = tuple(Variable(name, value, file.name, number) for number, name, value in lines.entries)
        yield Written(f"`{file.name}`", file.name, found)
    process = [
        Variable(name, value, PROCESS) for name, value in whole().items() if kinds.is_secret_name(name)
    ]
    kept = tuple(
        each for each in process if not each.value.startswith(("/", "~"))
    )  # the path of a key file
    yield Written("the process environment", PROCESS, kept)


def _distinct(
    tools: Toolbox, own: Written, places: Mapping[str, Written], target: Environment
) -> dict[str, str]:
    """The public values by which this environment's bundle is known from the others'."""
    theirs = {place.value(name) for other, place in places.items() if other != target.name
              for name in tools.settings.app.build_variables}  # fmt: skip
    return {
        name: own.value(name)
        for name in tools.settings.app.build_variables
        if len(own.value(name)) >= DISTINCT and own.value(name) not in theirs
    }


def _others(
    tools: Toolbox, places: Mapping[str, Written], target: Environment
) -> Iterable[tuple[str, str, str]]:
    for name, place in places.items():
        if name != target.name:
            for variable, value in _distinct(
                tools, place, places, tools.settings.environments[name]
            ).items():
                yield name, variable, value
