"""`init`: write the configuration of an app from what its checkout tells, and copy the desk into it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.config.parse import parse
from scripts.errors import CommandFailed, Declined, Refused
from scripts.git.command import remote_urls
from scripts.github.remote import first_repository
from scripts.replit.launcher_bundle import program
from scripts.setup import advice, app_facts, branching, launcher, vendor
from scripts.setup.detect import Ambiguous, detect, listed
from scripts.setup.facts import AppFacts, branches_of
from scripts.setup.files import Changes, show
from scripts.setup.proposal import (
    GITIGNORE,
    Answers,
    default_answers,
    env_example,
    gitignore,
    masking_toml,
    pipeline_toml,
    shown,
)
from scripts.setup.request import InitRequest

LISTS = ("branches", "urls", "repl_ids")


@dataclass(frozen=True)
class Place:
    """Where things go, relative to the app's checkout.

    Args:
        top: the checkout.
        desk: the folder of the desk's copy; None when the desk stays where it is.
        config: the folder of `pipeline.toml`.
        repository: the app's checkout as `pipeline.toml` names it.
    """

    top: Path
    desk: str | None
    config: str
    repository: str

    @property
    def folder(self) -> str:
        """The folder of the configuration's folder: the copy's, where there is one."""
        return self.config.rpartition("/")[0]


def init(progress: Progress, request: InitRequest) -> Outcome:
    """Read the checkout, ask what it does not tell, show the changes, write.

    A configuration that is there stays as it is.

    Raises:
        Refused: the folder is no checkout, it has several apps, or an option does not fit.
        Declined: files differ, and overwriting them was not agreed to.
        CommandFailed: a file can't be written.
    """
    asks = request.ask and not (request.yes or request.plan)
    place = _place(
        app_facts.checkout(Path(request.app or ".").resolve()), request, progress.ask if asks else None
    )
    facts = read_facts(progress if asks else None, place.top, request)
    answers = _with_options(default_answers(facts, place.repository), facts, request)
    if asks and app_facts.read(place.top / place.config / "pipeline.toml") is None:
        answers = _ask(progress, answers)
    progress.show(shown({**listed(facts), **{f"branch {n}": each for n, each in facts.branches.items()}}))
    contents = _contents(place, facts, answers, request)
    changes = Changes.between(place.top, contents, _kept(place))
    copy = vendor.changes(DESK, place.top / place.desk) if place.desk and place.desk != "." else None
    show(progress, changes, copy)
    _advise(progress, facts)
    if request.plan:
        name = f"{place.config}/pipeline.toml"
        progress.show(["", f"{name}:", *contents[name].splitlines()])
    if request.launcher:
        progress.show(launcher.steps([*answers.branches]))
    made = branching.missing(progress, place.top, facts, answers, request)
    document = _document(place, facts, contents, changes, plan=request.plan)
    would = bool(changes.written or made or (copy and copy.written))
    github = first_repository(remote_urls(place.top, answers.remote)) is not None
    if request.plan or not would:
        return _outcome(place, document, plan=would, written=0, github=github)
    written = _write(progress, request, changes, copy)
    branching.make(progress, place.top, answers.remote, made)
    return _outcome(place, document, plan=False, written=written + len(made), github=github)


def _write(progress: Progress, request: InitRequest, changes: Changes, copy: Changes | None) -> int:
    """Write what was shown; the number of files."""
    asked = len(changes.of("changed"))
    if asked and not (request.yes or progress.agree(f"change {asked} file{'s' * (asked > 1)} as shown?")):
        raise Declined("nothing was written", "review the differences, then use `--yes`")
    try:
        return changes.write() + (copy.write() if copy else 0)
    except OSError as fault:
        raise CommandFailed(f"`{changes.top}` can't be written: {fault.strerror}") from None


def _place(top: Path, request: InitRequest, ask: Callable[[str, str], str] | None) -> Place:
    """Where the desk and its configuration go.

    Raises:
        Refused: the folder is the desk's own, or the copy would lie on files of the app.
    """
    if top == DESK and not (top / "package.json").is_file() and not request.app_folder:
        raise Refused(
            "no app yet: this folder is the desk's own", "`invoke init --app ../app`, with your app's clone"
        )
    inside = top != DESK and top in DESK.parents
    if inside or request.vendor:
        own = (
            DESK.relative_to(top).as_posix()
            if inside
            else vendor.folder_for(top, request.vendor_folder, ask)
        )
        return Place(top, "." if inside else own, f"{own}/env", os.path.relpath(top, top / own))
    virtual = (top / "env" / "pyvenv.cfg").is_file()  # a Python environment of that name
    return Place(
        top, None, "release-env" if virtual else "env", "." if top == DESK else os.path.relpath(top, DESK)
    )


def read_facts(asked: Progress | None, top: Path, request: InitRequest) -> AppFacts:
    """All facts of the app that is meant.

    Args:
        asked: who can be asked which app; None for nobody.

    Raises:
        Refused: see `detect.choose`.
    """
    tree = app_facts.tree(top)
    try:
        facts = detect(tree, request.app_folder or _inside(top, request), top.name)
    except Ambiguous as several:
        folders = [app.folder or "." for app in several.apps]
        answer = asked.ask(f"which app: {', '.join(folders)}?", "") if asked else ""
        if answer not in folders:
            raise
        facts = detect(tree, answer, top.name)
    remotes = app_facts.remotes(top)
    remote = request.remote or ("origin" if "origin" in remotes or not remotes else remotes[0])
    head = app_facts.head_branch(top, remote) if remote in remotes else ""
    branches, missing = branches_of(app_facts.branches(top, remote), head)
    facts = replace(facts, remotes=remotes, branches=branches, missing=missing)
    return replace(facts, advice=tuple(advice.about(tree, facts, app_facts.tracked_secrets(top))))


def _inside(top: Path, request: InitRequest) -> str:
    """The app's folder, where `--app` names one below the checkout's top that has a package."""
    named = Path(request.app or ".").resolve()
    if not request.app or named == top or not (named / "package.json").is_file():
        return ""
    return named.relative_to(top).as_posix()


def _with_options(answers: Answers, facts: AppFacts, request: InitRequest) -> Answers:
    """Replace answers by options: a name, a remote, and lists such as `develop,staging,main`.

    An empty name in `--branches` leaves that environment out.
    """
    given: dict[str, Any] = {
        key: getattr(request, key) for key in ("name", "remote") if getattr(request, key)
    }
    for key in LISTS:
        option = getattr(request, key)
        if option:
            values = [value.strip() for value in option.split(",")]
            if len(values) != len(answers.branches):
                names = ", ".join(answers.branches)
                flag = key.replace("_", "-")
                raise Refused(
                    f"`--{flag}` names {len(values)}, and the environments are {names}",
                    f"name one for each of {names}; `develop,,main` leaves one out",
                )
            given[key] = dict(zip(answers.branches, values, strict=True))
    made = replace(answers, launcher=request.launcher, **given)
    kept = [name for name in made.branches if made.branches[name]]
    if not kept:
        raise Refused(
            "`--branches` names no branch", f"the usual ones are {', '.join(answers.branches.values())}"
        )
    if "urls" not in given and "name" in given:
        fresh = default_answers(replace(facts, name=facts.name._replace(value=made.name)), made.repository)
        made = replace(made, urls=fresh.urls)
    return replace(
        made,
        branches={name: made.branches[name] for name in kept},
        urls={name: made.urls[name] for name in kept},
    )


def _ask(progress: Progress, answers: Answers) -> Answers:
    """Ask a few questions; an empty answer keeps the default."""
    name = progress.ask("the app's name", answers.name)
    remote = progress.ask("the remote with the team's branches", answers.remote)
    branches = {
        environment: progress.ask(f"the branch of {environment}", default)
        for environment, default in answers.branches.items()
    }
    urls = {
        environment: progress.ask(f"the public URL of {environment}", default)
        for environment, default in answers.urls.items()
    }
    return replace(answers, name=name, remote=remote, branches=branches, urls=urls)


def _configuration(place: Place, facts: AppFacts, answers: Answers) -> dict[str, str]:
    """The text of every file of the configuration, by its name in the app's checkout; it is validated.

    Raises:
        ConfigError: an answer is not usable.
    """
    text = pipeline_toml(vendor.template(DESK, "pipeline.toml"), facts, answers)
    parse(tomllib.loads(text), file=f"{place.config}/pipeline.toml")
    texts = {f"{place.config}/pipeline.toml": text}
    texts[f"{place.config}/masking.toml"] = masking_toml(vendor.template(DESK, "masking.toml"))
    for environment in answers.branches:
        texts[f"{place.config}/.env.{environment}.example"] = env_example(environment, facts, answers)
    inside = place.folder
    ignore = f"{inside}/.gitignore" if inside else ".gitignore"
    wanted = (
        GITIGNORE
        if not app_facts.ignored(place.top, f"{place.config}/pipeline.toml")
        else (f"!/{Path(place.config).name}/", *GITIGNORE)
    )
    before = app_facts.read(place.top / ignore) or b""
    texts[ignore] = gitignore(before.decode("utf-8", "replace"), wanted)
    return texts


def _contents(place: Place, facts: AppFacts, answers: Answers, request: InitRequest) -> dict[str, str]:
    """The text of every file beside the copy, by its name in the app's checkout."""
    contents = _configuration(place, facts, answers)
    if place.desk:
        contents |= vendor.tasks_of(place.top, place.folder)
    if request.launcher:
        contents |= _launcher(place, facts, answers, contents)
    return contents


def _launcher(place: Place, facts: AppFacts, answers: Answers, contents: dict[str, str]) -> dict[str, str]:
    """The files of the launcher; and what it keeps on Replit is in no commit."""
    url = next(iter(remote_urls(place.top, answers.remote)), "")
    if not url:
        raise Refused(
            f"the launcher needs the address of the remote `{answers.remote}`, which is not set",
            "name another with `--remote`",
        )
    tree = app_facts.tree(place.top)
    texts = launcher.launcher_texts(tree, facts, answers.branches, url, program())
    before = contents.get(".gitignore", (app_facts.read(place.top / ".gitignore") or b"").decode())
    return {**texts, ".gitignore": gitignore(before, (launcher.IGNORED,))}


def _kept(place: Place) -> set[str]:
    """The files of a configuration that is there: they are the team's."""
    folder = place.top / place.config
    names = [file.name for file in folder.iterdir()] if (folder / "pipeline.toml").is_file() else []
    return {f"{place.config}/{name}" for name in names}


def _advise(progress: Progress, facts: AppFacts) -> None:
    for each in facts.advice:
        progress.note(f"warning: {each.message}")
        progress.note(f"         {each.hint}")


def _document(
    place: Place, facts: AppFacts, contents: dict[str, str], changes: Changes, *, plan: bool
) -> dict[str, Any]:
    """The task's own part of the JSON document."""
    found = {
        key: {"value": each.value, "source": each.source, "check": each.check or None}
        for key, each in {**listed(facts), **{f"branch.{n}": b for n, b in facts.branches.items()}}.items()
    }
    return {
        "folder": str(place.top),
        "framework": facts.framework or None,
        "found": found,
        "missing_branches": [str(facts.branches[name].value) for name in facts.missing],
        "warnings": [each._asdict() for each in facts.advice],
        "pipeline_toml": contents[f"{place.config}/pipeline.toml"],
        "kept": [each.name for each in changes.of("kept")],
        "changes": {each.name: each.state for each in changes.changes if each.state != "same"},
        "written": [] if plan else [each.name for each in changes.written],
    }


def _outcome(place: Place, document: dict[str, Any], *, plan: bool, written: int, github: bool) -> Outcome:
    config = f"{place.config}/pipeline.toml"
    hint = (
        f"next: review `{config}` (lines `# CHECK:`), fill in `{place.config}/.env.<environment>`,"
        " then `invoke doctor`"
    )
    if github:
        hint += ", and `invoke github.workflows` for CI"
    if place.desk is None and place.repository != ".":
        hint = f"`export AIRHOST_ENV_DIR={place.top / place.config}`; {hint}"
    elif place.desk not in (None, "."):
        found = vendor.tasks_of(place.top, place.folder)
        hint = f"`cd {place.top if found else place.top / place.folder}`; {hint}"
    if plan:
        return Outcome.done("nothing was written; this is what would be", **document)
    if not written:
        return Outcome.nothing("every file is up to date", **{**document, "written": []})
    return Outcome.done(f"{written} files written in `{place.top}`", hint, **document)
