"""`init`: makes the configuration of an app from what its checkout tells, and copies the desk into it."""

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
from scripts.setup.proposal import CHAIN, Answers, Found, example, guess, ignoring, manual
from scripts.setup.request import InitRequest

PARTS = ("branches", "urls", "repl_ids")
LONGEST_DIFF = 200  # lines that are shown of one file


def init(progress: Progress, request: InitRequest) -> Outcome:
    """Find, ask, show what would be written, write."""
    folder = app_facts.checkout(Path(request.app or ".").resolve())
    found = _found(folder)
    own = request.vendor or folder == DESK
    answers = _given(guess(found, "." if own else os.path.relpath(folder, DESK)), request)
    if request.ask and not (request.yes or request.plan):
        answers = _asked(progress, answers)
    files = _files(folder, found, answers, vendor=request.vendor)
    new = {name for name in files if app_facts.read(folder / name) is None}
    changed = {name for name in files if name not in new and app_facts.read(folder / name) != files[name]}
    _show(progress, folder, files, new, changed)
    written = sorted(new | changed)
    if request.plan or not written:
        return _ended(progress, folder, found, [], own=own, plan=bool(request.plan and written))
    if changed and not (request.yes or progress.agree(f"overwrite {len(changed)} files as shown?")):
        raise Declined("nothing was written", "look at the differences, and say `--yes`")
    try:
        for name in written:
            app_facts.write(folder / name, files[name], DESK / name if (DESK / name).is_file() else None)
    except OSError as fault:
        raise CommandFailed(f"`{folder}` can't be written: {fault.strerror}") from None
    return _ended(progress, folder, found, written, own=own, plan=False)


def _found(folder: Path) -> Found:
    remotes = app_facts.remotes(folder)
    remote = "origin" if "origin" in remotes or not remotes else remotes[0]
    return Found(
        name=app_facts.name(folder),
        remotes=remotes,
        branches=app_facts.branches(folder, remote),
        variables=app_facts.variables(folder),
        locks=app_facts.locks(folder),
        migrations=app_facts.has_supabase(folder),
        output=app_facts.output(folder),
        rebuilds=app_facts.rebuilds(folder),
        sites=app_facts.sites(folder, CHAIN),
    )


def _given(answers: Answers, request: InitRequest) -> Answers:
    """What the flags say instead: a name, a remote, and lists such as `develop,staging,main`."""
    parts: dict[str, Any] = {
        key: getattr(request, key) for key in ("name", "remote") if getattr(request, key)
    }
    for key in PARTS:
        typed = getattr(request, key)
        if typed:
            values = [each.strip() for each in typed.split(",")]
            if len(values) != len(answers.branches):
                names = ", ".join(answers.branches)
                flag = key.replace("_", "-")
                raise Refused(
                    f"`--{flag}` names {len(values)}, and there are {names}", f"one for each of {names}"
                )
            parts[key] = dict(zip(answers.branches, values, strict=True))
    return replace(answers, **parts)


def _asked(progress: Progress, answers: Answers) -> Answers:
    """A few questions; an empty answer takes what stands in brackets."""
    name = progress.ask("the app's name", answers.name)
    remote = progress.ask("the remote with the team's branches", answers.remote)
    branches = {each: progress.ask(f"the branch of {each}", was) for each, was in answers.branches.items()}
    urls = {each: progress.ask(f"the public address of {each}", was) for each, was in answers.urls.items()}
    return replace(answers, name=name, remote=remote, branches=branches, urls=urls)


def _files(folder: Path, found: Found, answers: Answers, *, vendor: bool) -> dict[str, bytes]:
    """Every file, by its name in the app's checkout. The configuration is read before it is written.

    Raises:
        ConfigError: an answer is not usable.
    """
    text = manual((DESK / "env" / "pipeline.toml").read_text(encoding="utf-8"), found, answers)
    parse(tomllib.loads(text), file="env/pipeline.toml")
    texts = {"env/pipeline.toml": text}
    for each in answers.branches:
        texts[f"env/.env.{each}.example"] = example(each, found, answers)
    texts[".gitignore"] = ignoring(
        (app_facts.read(folder / ".gitignore") or b"").decode("utf-8", "replace")
    )
    copied = (
        {str(each): (DESK / each).read_bytes() for each in app_facts.desk_files(DESK)} if vendor else {}
    )
    return {**copied, **{name: text.encode() for name, text in texts.items()}}


def _show(
    progress: Progress, folder: Path, files: Mapping[str, bytes], new: set[str], changed: set[str]
) -> None:
    made = [name for name in sorted(new) if not name.startswith(("scripts/", "loadtests/"))]
    for name in made:
        progress.note(f"new      {name}")
    if len(new) > len(made):
        progress.note(f"new      {len(new) - len(made)} files of the desk")
    for name in sorted(changed):
        progress.note(f"changed  {name}")
        old, fresh = (
            text.decode("utf-8", "replace").splitlines()
            for text in (app_facts.read(folder / name) or b"", files[name])
        )
        lines = list(difflib.unified_diff(old, fresh, f"{name} now", f"{name} then", lineterm=""))
        progress.output("\n".join(f"  | {line}" for line in lines[:LONGEST_DIFF]))
        if len(lines) > LONGEST_DIFF:
            progress.note(f"and {len(lines) - LONGEST_DIFF} more lines")


def _ended(
    progress: Progress, folder: Path, found: Found, written: list[str], *, own: bool, plan: bool
) -> Outcome:
    if found.rebuilds:
        progress.note(
            "warning: `.replit` builds again when it publishes, and the stamp of the commit is lost:"
        )
        progress.note('         let it check instead: build = ["sh", "-c", "test -f dist/version.json"]')
    document: dict[str, Any] = {"folder": str(folder), "written": written}
    hint = "next: go through `env/pipeline.toml`, fill in `env/.env.<environment>`, then `invoke doctor`"
    if not own:
        hint = f"`export AIRHOST_ENV_DIR={folder / 'env'}`; {hint}"
    if plan:
        return Outcome.done("nothing was written: this is what would be", **document)
    if not written:
        return Outcome.nothing("everything is as it would be written", **document)
    return Outcome.done(f"{len(written)} files written in `{folder}`", hint, **document)
