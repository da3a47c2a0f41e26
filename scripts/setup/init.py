"""`init`: write the configuration of an app from what its checkout tells, and copy the desk into it."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.config.parse import parse
from scripts.errors import CommandFailed, Declined, Refused
from scripts.setup import app_facts
from scripts.setup.proposal import (
    CHAIN,
    Answers,
    AppFacts,
    default_answers,
    env_example,
    gitignore,
    pipeline_toml,
)
from scripts.setup.request import InitRequest

LISTS = ("branches", "urls", "repl_ids")
MAX_DIFF = 200  # lines shown of one file


def init(progress: Progress, request: InitRequest) -> Outcome:
    """Read the checkout, ask what it does not tell, show the changes, write.

    Raises:
        Refused: the folder is no checkout, or an option does not name one value for each environment.
        Declined: files differ, and overwriting them was not agreed to.
        CommandFailed: a file can't be written.
    """
    folder = app_facts.checkout(Path(request.app or ".").resolve())
    facts = _read_facts(folder)
    own = request.vendor or folder == DESK
    repository = "." if own else os.path.relpath(folder, DESK)
    answers = _with_options(default_answers(facts, repository), request)
    if request.ask and not (request.yes or request.plan):
        answers = _ask(progress, answers)
    files = _contents(folder, facts, answers, vendor=request.vendor)
    new = {name for name in files if app_facts.read(folder / name) is None}
    changed = {name for name in files if name not in new and app_facts.read(folder / name) != files[name]}
    _show(progress, folder, files, new, changed)
    written = sorted(new | changed)
    if request.plan or not written:
        return _outcome(progress, folder, facts, [], own=own, plan=bool(request.plan and written))
    if changed and not (request.yes or progress.agree(f"overwrite {len(changed)} files as shown?")):
        raise Declined("nothing was written", "review the differences, then use `--yes`")
    try:
        for name in written:
            app_facts.write(folder / name, files[name], DESK / name if (DESK / name).is_file() else None)
    except OSError as fault:
        raise CommandFailed(f"`{folder}` can't be written: {fault.strerror}") from None
    return _outcome(progress, folder, facts, written, own=own, plan=False)


def _read_facts(folder: Path) -> AppFacts:
    remotes = app_facts.remotes(folder)
    remote = "origin" if "origin" in remotes or not remotes else remotes[0]
    return AppFacts(
        name=app_facts.name(folder),
        remotes=remotes,
        branches=app_facts.branches(folder, remote),
        variables=app_facts.variables(folder),
        lockfiles=app_facts.lockfiles(folder),
        supabase=app_facts.has_supabase(folder),
        output=app_facts.output(folder),
        publish_rebuilds=app_facts.publish_rebuilds(folder),
        sites=app_facts.sites(folder, CHAIN),
    )


def _with_options(answers: Answers, request: InitRequest) -> Answers:
    """Replace answers by options: a name, a remote, and lists such as `develop,staging,main`."""
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
                    f"name one for each of {names}",
                )
            given[key] = dict(zip(answers.branches, values, strict=True))
    return replace(answers, **given)


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


def _contents(folder: Path, facts: AppFacts, answers: Answers, *, vendor: bool) -> dict[str, bytes]:
    """The content of every file, by its name in the app's checkout. The configuration is validated.

    Raises:
        ConfigError: an answer is not usable.
    """
    text = pipeline_toml((DESK / "env" / "pipeline.toml").read_text(encoding="utf-8"), facts, answers)
    parse(tomllib.loads(text), file="env/pipeline.toml")
    texts = {"env/pipeline.toml": text}
    for environment in answers.branches:
        texts[f"env/.env.{environment}.example"] = env_example(environment, facts, answers)
    ignored = app_facts.read(folder / ".gitignore") or b""
    texts[".gitignore"] = gitignore(ignored.decode("utf-8", "replace"))
    copied = (
        {str(file): (DESK / file).read_bytes() for file in app_facts.desk_files(DESK)} if vendor else {}
    )
    return {**copied, **{name: text.encode() for name, text in texts.items()}}


def _show(
    progress: Progress, folder: Path, files: Mapping[str, bytes], new: set[str], changed: set[str]
) -> None:
    listed = [name for name in sorted(new) if not name.startswith(("scripts/", "loadtests/"))]
    for name in listed:
        progress.note(f"new      {name}")
    if len(new) > len(listed):
        progress.note(f"new      {len(new) - len(listed)} files of the desk")
    for name in sorted(changed):
        progress.note(f"changed  {name}")
        before, after = (
            text.decode("utf-8", "replace").splitlines()
            for text in (app_facts.read(folder / name) or b"", files[name])
        )
        lines = list(difflib.unified_diff(before, after, f"{name} now", f"{name} then", lineterm=""))
        progress.output("\n".join(f"  | {line}" for line in lines[:MAX_DIFF]))
        if len(lines) > MAX_DIFF:
            progress.note(f"and {len(lines) - MAX_DIFF} more lines")


def _outcome(
    progress: Progress, folder: Path, facts: AppFacts, written: list[str], *, own: bool, plan: bool
) -> Outcome:
    if facts.publish_rebuilds:
        progress.note("warning: `.replit` builds again on Publish, and `version.json` is lost:")
        progress.note('         replace it by a check: build = ["sh", "-c", "test -f dist/version.json"]')
    document: dict[str, Any] = {"folder": str(folder), "written": written}
    hint = "next: review `env/pipeline.toml`, fill in `env/.env.<environment>`, then `invoke doctor`"
    if not own:
        hint = f"`export AIRHOST_ENV_DIR={folder / 'env'}`; {hint}"
    if plan:
        return Outcome.done("nothing was written; this is what would be", **document)
    if not written:
        return Outcome.nothing("every file is up to date", **document)
    return Outcome.done(f"{len(written)} files written in `{folder}`", hint, **document)
