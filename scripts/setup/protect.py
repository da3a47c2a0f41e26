"""`github.protect`: the team's rules for branches as rulesets on GitHub, shown first, and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Refused
from scripts.github.app_token import Installation
from scripts.github.client import PAGE, Github, refused
from scripts.github.remote import hub_of
from scripts.github.rulesets import Actor, Document, actor_of, differences, merged, wanted
from scripts.setup.request import ProtectRequest
from scripts.state.ledger import REF

LEDGER = REF.removeprefix("refs/heads/")
RIGHT = "Administration: write"


def protect(desk: Desk, request: ProtectRequest) -> Outcome:
    """Compare, show, ask, apply, and read it again."""
    hub = hub_of(desk, list(desk.settings))
    if hub is None:
        raise Refused("no repository on GitHub, or no token for it", f"set `GH_TOKEN`, with `{RIGHT}`")
    asked, there = list(wanted(desk.settings, LEDGER, actors(desk, hub))), read(hub)
    found = drift(asked, there)
    desk.progress.show(found)
    data: dict[str, Any] = {"repository": hub.repository, "differences": found}
    if not found:
        return Outcome.nothing(f"the rulesets of `{hub.repository}` are as configured", **data)
    if request.plan:
        return Outcome.done("this is what would change; nothing was changed", **data)
    require_consent(desk.progress, "protect", yes=request.yes, unchanged="no rule was changed", data=data)
    for each in asked:
        if any(differences(each, there.get(each["name"]))):
            _save(hub, merged(each, there.get(each["name"])), there.get(each["name"]))
    left = drift(asked, read(hub))
    if left:
        listed = "".join(f"\n  | {line}" for line in left)
        raise CommandFailed(f"GitHub took the rulesets, and has others than were asked for:{listed}")
    return Outcome.done(
        f"the rulesets of `{hub.repository}` are as configured, read again", "`invoke doctor`", **data
    )


def drift(asked: Sequence[Document], there: Mapping[str, Document]) -> list[str]:
    """How what GitHub has differs from what is asked for."""
    return [line for each in asked for line in differences(each, there.get(each["name"]))]


def actors(desk: Desk, hub: Github) -> tuple[Actor, ...]:
    """Who may bypass the rules: those of `[github] bypass`, else the account of this desk.

    Raises:
        Refused: nobody is named, and GitHub does not tell whose the token is.
    """
    if desk.settings.github.bypass:
        return tuple(map(actor_of, desk.settings.github.bypass))
    if isinstance(hub.token, Installation) and hub.token.app.isdigit():
        return (Actor("Integration", int(hub.token.app)),)
    status, user, _ = hub.user()
    number = user.get("id") if status == 200 and isinstance(user, dict) else None
    if not isinstance(number, int):
        raise Refused(
            f"GitHub does not tell whose the token is ({status})",
            'name the desk\'s account in `[github] bypass`: ["Integration:15368"] is GitHub Actions',
        )
    return (Actor("User", number),)


def read(hub: Github) -> dict[str, Document]:
    """The rulesets of the repository itself, whole, by name.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: it shows none.
    """
    status, listed, _ = hub.get(f"/rulesets?per_page={PAGE}&includes_parents=false")
    if status != 200 or not isinstance(listed, list):
        raise refused(status, listed, "show the rulesets", RIGHT)
    found: dict[str, Any] = {}
    for row in listed:
        status, document, _ = hub.get(f"/rulesets/{int(row['id'])}")
        if status != 200 or not isinstance(document, dict):
            raise refused(status, document, f"show the ruleset `{row.get('name')}`", RIGHT)
        found[str(document.get("name"))] = document
    return found


def _save(hub: Github, document: Document, there: Document | None) -> None:
    if there is None:
        hub.create(
            "/rulesets",
            document,
            lambda: read(hub).get(document["name"]),
            f"create the ruleset `{document['name']}`",
            RIGHT,
        )
        return
    status, said = hub.send("PUT", f"/rulesets/{there['id']}", document)
    if status != 200:
        raise refused(status, said, f"change the ruleset `{document['name']}`", RIGHT)
