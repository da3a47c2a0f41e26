"""The page that a slot shows while it has no preview: a build of its own takes the place of the feature.

So nobody goes on using what has ended, and no app of a preview goes on running without its database.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import replace

from scripts.config.desk import Desk
from scripts.config.settings import App
from scripts.errors import DeskError, Locked
from scripts.preview.hold import HeldSlot
from scripts.preview.places import Place
from scripts.preview.show import Steps, publish, verify
from scripts.replit.live import Expected

SUBJECT = "parked: this slot shows no preview"
PAGE = "<!doctype html><title>no preview</title><p>There is no preview here now."


def replit_file(app: App) -> str:
    """The `.replit` of the parked page, which is served from the folder that a build fills."""
    folder = shlex.quote(posixpath.normpath(posixpath.join(app.folder, app.output)))
    serve = f"exec python3 -m http.server --directory {folder} --bind ${{HOST:-0.0.0.0}} ${{PORT:-5000}}"
    run = f"run = {json.dumps(['sh', '-c', serve])}"
    return (
        f"# Written by the release desk, for a slot without a preview.\n{run}\n\n[deployment]\n"
        f'deploymentTarget = "autoscale"\n{run}\n\n[[ports]]\nlocalPort = 5000\nexternalPort = 80\n'
    )


def parked_commit(desk: Desk, refs: Mapping[str, str], shown: str) -> str:
    """The commit of the parked page: the first environment's head, with another `.replit`.

    Args:
        shown: the commit to build on where that branch is not there.
    """
    first = next(iter(desk.settings))
    text = replit_file(desk.settings.app)
    return desk.git.commit_file(refs.get(first.branch_ref) or shown, ".replit", text, SUBJECT)


def park(held: HeldSlot, place: Place) -> str:
    """Publish the parked page in place of a preview; returns why the slot may still show that, "" if not.

    The run's candidate is the parked commit. What fails here keeps no slot: the next preview replaces it.
    """
    answer, driver = place.driver.live(), place.driver
    shown = answer.commit is not None and answer.environment in (None, place.environment.name)
    if not shown and driver.publish_status()[0] != "running":  # a run that was killed may have begun one
        return ""
    if not driver.unattended:
        return f"press Publish on Replit to take it down: {place.environment.url} shows it still"
    app = place.desk.settings.app
    folder = shlex.quote(app.output)
    page = f"mkdir -p {folder} && printf %s {shlex.quote(PAGE)} >{folder}/index.html"
    app = app._replace(install=(), build=("sh", "-c", page), static="", build_variables=())
    parked = replace(place, desk=replace(place.desk, settings=replace(place.desk.settings, app=app)))
    expected, steps = Expected(held.lock.content.commit, place.environment.name), Steps(place.desk)
    try:
        with steps.step("park", place.environment.url):
            driver = parked.driver
            driver.build(expected, held.lock.candidate, keep=held.lock.content.run)
            if place.environment.ships:
                driver.deliver(expected, held.lock)
        verify(steps, parked, expected, publish(steps, held, driver, expected))
    except Locked:
        raise
    except DeskError as fault:
        return f"{place.environment.url} may still show it: {fault.message}"
    return ""
