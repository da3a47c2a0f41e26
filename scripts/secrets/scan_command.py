"""`env.scan`: whether a built bundle, or a served site, carries a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.secrets import bundle, classify, formats, load, site
from scripts.secrets.canary import build_with_marks
from scripts.secrets.check import reported
from scripts.secrets.finding import Finding
from scripts.secrets.load import public, written_of
from scripts.secrets.needles import Hidden
from scripts.secrets.request import ScanRequest
from scripts.secrets.scan import Known, allowed, scan
from scripts.secrets.variables import PROCESS, Public, Variable, Written
from scripts.system.command import full_env


def scan_target(desk: Desk, request: ScanRequest) -> Outcome:
    """A folder, or an address; with `canary`, a build of the app's checkout."""
    target = desk.settings.environment(request.env) if request.env else None
    if request.canary:
        return build_with_marks(desk, Path(request.path).expanduser(), target)
    if not request.path:
        raise Refused("what is to be scanned?", "`invoke env.scan dist`, or `invoke env.scan https://...`")
    beforehand = known(desk, target)
    files = (
        site_of(desk, request.path)
        if "://" in request.path
        else bundle.folder(Path(request.path).expanduser())
    )
    found = judged(desk, files, beforehand)
    size = sum(len(data) for data in files.values()) / 1e6
    return reported(found, f"{request.path}, {len(files)} files, {size:.1f} MB")


def site_of(desk: Desk, url: str) -> dict[str, bytes]:
    """The files of a served site.

    Raises:
        Refused: it could not be read as a whole, so nobody knows.
    """
    seen = site.read(url, desk.settings.verify.request_timeout)
    if not seen.whole or seen.missing:
        why = (
            f"it lacks {', '.join(f'`{each}`' for each in seen.missing[:5])}"
            if seen.missing
            else "it is too large"
        )
        raise Refused(
            f"{url} could not be read as a whole: {why}", "scan the folder that was built instead"
        )
    return seen.files


def judged(desk: Desk, files: dict[str, bytes], beforehand: Known) -> tuple[Finding, ...]:
    """The findings, without those that somebody has looked at and excused."""
    return allowed(scan(files, beforehand), desk.settings.secrets.allow, desk.now()[:10])


# What a leak scan knows beforehand: the secrets of all environments, and what may be public.


DISTINCT = 12  # characters from which on a value tells one environment from another


def known(desk: Desk, target: Environment | None) -> Known:
    """Everything that a scan looks for; with a target, also whether it is that environment's bundle.

    Raises:
        DeskError: the target's own values can't be read; those of the others are left out then.
    """
    shown = public(desk)
    places = {each.name: _of(desk, each, must=target is None or each is target) for each in desk.settings}
    hidden = [
        Hidden(place.environment, each.name, each.value)
        for place in [*places.values(), *_beside(desk)]
        for each in shown.secrets(place.variables)
    ]
    browser = {each.value for place in places.values() for each in place.variables if _shown(shown, each)}
    own = _distinct(desk, places[target.name], places, target) if target else {}
    return Known(
        secrets=tuple(
            each for each in hidden if each.value not in browser or formats.secret_form(each.value)
        ),
        public=tuple(browser),
        prefixes=shown.prefixes,
        own=own,
        others=tuple(_others(desk, places, target)) if target else (),
    )


def _of(desk: Desk, environment: Environment, *, must: bool) -> Written:
    try:
        return written_of(desk, environment)
    except DeskError:
        if must:
            raise
        desk.progress.note(f"the values of {environment.name} can't be read, so they are not looked for")
        return Written(environment.name, "")


def _shown(shown: Public, variable: Variable) -> bool:
    """A variable that a browser may have: public by its name, and no secret."""
    prefix = shown.prefix(variable.name)
    return prefix is not None and not classify.is_secret(variable.name, variable.value, prefix)


def _beside(desk: Desk) -> Iterable[Written]:
    """What else lies about: `.local` files, the app's own `.env` files, and the process environment."""
    names = {load.file_of(desk.config_folder, each.name, "file") for each in desk.settings}
    folders = dict.fromkeys((desk.config_folder.resolve(), desk.git.folder.resolve()))
    for file in (file for folder in folders for file in load.env_files_in(folder) if file not in names):
        lines = env_files.lines(env_files.text(file) or "")
        found = tuple(Variable(name, value, file.name, number) for number, name, value in lines.entries)
        yield Written(f"`{file.name}`", file.name, found)
    process = [
        Variable(name, value, PROCESS)
        for name, value in full_env().items()
        if classify.is_secret_name(name)
    ]
    kept = tuple(
        each for each in process if not each.value.startswith(("/", "~"))
    )  # the path of a key file
    yield Written("the process environment", PROCESS, kept)


def _distinct(
    desk: Desk, own: Written, places: Mapping[str, Written], target: Environment
) -> dict[str, str]:
    """The public values by which this environment's bundle is known from the others'."""
    theirs = {place.value(name) for other, place in places.items() if other != target.name
              for name in desk.settings.app.build_variables}  # fmt: skip
    return {
        name: own.value(name)
        for name in desk.settings.app.build_variables
        if len(own.value(name)) >= DISTINCT and own.value(name) not in theirs
    }


def _others(
    desk: Desk, places: Mapping[str, Written], target: Environment
) -> Iterable[tuple[str, str, str]]:
    for name, place in places.items():
        if name != target.name:
            for variable, value in _distinct(desk, place, places, desk.settings.environments[name]).items():
                yield name, variable, value
