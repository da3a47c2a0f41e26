"""`upgrade`: bring the copy of the desk in an app's repository up to date; its configuration stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Refused
from scripts.replit.launcher_bundle import program
from scripts.setup import app_facts, vendor
from scripts.setup.files import Changes, show, show_copy
from scripts.setup.key_changes import KeyChange, key_changes
from scripts.setup.request import UpgradeRequest


def upgrade(progress: Progress, request: UpgradeRequest) -> Outcome:
    """Write the files of the newer desk; a file that a person changed is kept, and named.

    Raises:
        Refused: there is no copy, or nothing newer was named.
        CommandFailed: a file can't be written; the same command goes on from there.
    """
    source = Path(request.from_).resolve() if request.from_ else DESK
    if not (source / "scripts" / "app.py").is_file() or not (source / "tasks.py").is_file():
        raise Refused(f"`{source}` is no release desk", "`invoke upgrade --from ../release-desk`")
    target = _target(request)
    if target == source:
        raise Refused(
            f"`{target}` is the copy itself: name the newer desk", "`invoke upgrade --from ../release-desk`"
        )
    before, after = vendor.version(target), vendor.version(source)
    changes = vendor.changes(source, target)
    show_copy(progress, changes)
    moved = _keys(source, target)
    _show_keys(progress, moved, before, after)
    started = _launcher(progress, source, target)
    show(progress, started, None)
    kept = [change.name for change in changes.of("kept")]
    document: dict[str, Any] = {"folder": str(target), "from": before, "to": after, "kept": kept,
                                "keys": [each._asdict() for each in moved]}  # fmt: skip
    if not changes.written and not started.written:
        return Outcome.nothing(f"`{target}` is up to date: {after}", **document, written=[])
    if request.plan:
        return Outcome.done(f"nothing was written; {before} would become {after}", **document, written=[])
    written = [change.name for change in (*changes.written, *started.written)]
    try:
        changes.write()
        started.write()
    except OSError as fault:
        raise CommandFailed(
            f"`{target}` can't be written: {fault.strerror}", "`invoke upgrade` again goes on from there"
        ) from None
    hint = f"next: `git -C {target} diff --stat`, then commit it with the app"
    return Outcome.done(f"`{target}`: {before} became {after}", hint, **document, written=written)


def _keys(source: Path, target: Path) -> list[KeyChange]:
    """The keys of `pipeline.toml` that the newer desk knows otherwise than the copy."""
    shipped = target / vendor.TEMPLATES / "pipeline.toml"
    if not shipped.is_file():
        return []
    own = (app_facts.read(target / "env" / "pipeline.toml") or b"").decode("utf-8", "replace")
    before = shipped.read_text(encoding="utf-8")
    return key_changes(before, vendor.template(source, "pipeline.toml"), own)


def _show_keys(progress: Progress, moved: list[KeyChange], before: str, after: str) -> None:
    if moved:
        progress.show([f"keys of `pipeline.toml`, {before} -> {after}:"])
        progress.show([f"  {each}" for each in moved])


def _launcher(progress: Progress, source: Path, target: Path) -> Changes:
    """The launcher of the app whose copy of the desk this is, if it has one: it is nobody's to edit."""
    top = app_facts.checkout(target)
    there = {name: text for name, text in program().items() if (top / name).is_file()}
    if there and source != DESK:  # this process knows its own launcher alone
        progress.note("then `invoke init --launcher` brings the app's `launcher.py` up to date as well")
        there = {}
    return Changes.between(top, there, ())


def _target(request: UpgradeRequest) -> Path:
    """The copy that is meant.

    Raises:
        Refused: there is none, or several.
    """
    if not request.app:
        if (DESK / vendor.MANIFEST).is_file():
            return DESK
        raise Refused(
            "this desk is no copy in an app", "`invoke upgrade --app ../app`, with your app's clone"
        )
    app = app_facts.checkout(Path(request.app).resolve())
    found = vendor.copies(app)
    if len(found) != 1:
        listed = ", ".join(f"`{folder}`" for folder in found)
        why = (
            f"`{app}` has several copies of the desk: {listed}"
            if found
            else f"`{app}` has no copy of the desk"
        )
        hint = (
            f"`cd {found[0]}` and `invoke upgrade --from {DESK}`"
            if found
            else f"`invoke init --app {app} --vendor`"
        )
        raise Refused(why, hint)
    return found[0]
