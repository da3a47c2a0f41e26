"""Who is told of a preview: its pull request, by one comment that changes, and the chat of the first.

Best effort, within `[notices] budget`: what fails is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scripts.config.desk import Desk
from scripts.errors import DeskError
from scripts.github import comments, pulls
from scripts.github.client import Github
from scripts.github.markdown import code, plain
from scripts.github.remote import hub_of
from scripts.notify import deliver, events
from scripts.notify.aside import meanwhile
from scripts.notify.events import Deed, Fact
from scripts.preview.places import Place
from scripts.state.preview_lease import PreviewLease

MARK = "<!-- release desk: preview -->"


def hub_for(desk: Desk, place: Place | None = None) -> Github | None:
    """GitHub, with the token of this process or of previews; None without one, or with `tell = false`."""
    if not desk.settings.github.tell:
        return None
    if place:
        return hub_of(place.desk, [place.environment])
    return hub_of(desk, [next(iter(desk.settings))])


def pull_of(place: Place, branch: str) -> int:
    """The number of the branch's open pull request into the first environment; 0 where none is known."""
    desk = place.desk
    try:
        hub = hub_for(desk, place)
        if hub is None:
            return 0
        quick = replace(hub, patience=desk.settings.notices.budget)
        found = pulls.find(quick, branch, next(iter(desk.settings)).branch)
    except Exception as fault:  # noqa: BLE001 - our own bug is no reason to take down a preview that is up
        why = fault.message if isinstance(fault, DeskError) else type(fault).__name__
        desk.progress.note(f"warning: the pull request of the preview is not known: {why}")
        return 0
    return found.number if found else 0


def tell_up(place: Place, lease: PreviewLease) -> None:
    """The preview is up, or shows another commit."""
    text = (
        f"**Preview** of {code(lease.branch)} at `{lease.commit[:12]}`: {place.environment.url}\n\n"
        f"It stays until {lease.until} (slot `{lease.slot}`); every push to the branch is shown there."
    )
    _on_the_pull_request(place, lease, text, opens=True)
    facts = [Fact("branch", lease.branch), Fact("commit", lease.commit[:12]), Fact("until", lease.until)]
    hint = f"to end it: `invoke preview.down --branch {lease.branch}`"
    _in_chat(place, lease, f"preview of `{lease.branch}` is up", facts, hint)


def tell_end(place: Place, lease: PreviewLease, reason: str) -> None:
    """The preview is gone."""
    again = f"`invoke preview.up --branch {lease.branch}`"
    text = (
        f"The preview of {code(lease.branch)} has ended: {plain(reason)}."
        f" {code(again.strip('`'))} shows it again."
    )
    _on_the_pull_request(place, lease, text, opens=False)
    facts = [Fact("branch", lease.branch), Fact("why", reason)]
    _in_chat(place, lease, f"preview of `{lease.branch}` has ended", facts, f"to show it again: {again}")


def _on_the_pull_request(place: Place, lease: PreviewLease, text: str, *, opens: bool) -> None:
    desk, pull = place.desk, lease.pull
    try:
        hub = hub_for(desk, place) if pull else None
    except DeskError as fault:
        desk.progress.note(f"warning: GitHub does not know of this: {fault.message}")
        return
    if hub is None:
        return
    quick = replace(hub, patience=desk.settings.notices.budget)
    work: Callable[[float], None] = lambda _until: comments.say(quick, pull, MARK, text, opens=opens)  # noqa: E731
    with meanwhile(desk, work, f"GitHub ({hub.repository})", ()):
        pass


def _in_chat(place: Place, lease: PreviewLease, title: str, facts: list[Fact], hint: str) -> None:
    desk = place.desk
    first = next(iter(desk.settings))
    deed = Deed(lease.run, desk.actor, desk.now(), job=desk.job)
    where = [Fact("who", desk.actor or "somebody"), Fact("where", place.environment.url, link=True)]
    deliver.send(
        desk, lambda: events.notice("preview", first.name, deed, title, [*where, *facts], hint=hint)
    )
