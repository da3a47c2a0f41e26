"""Look, before anything is decided: refs, ledger, live URLs and migration history, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scripts.branches.merge import harmless
from scripts.config.desk import Desk
from scripts.config.settings import Gates
from scripts.database.migrations.files import applied_migrations, migrations_of
from scripts.http import Answer
from scripts.quality import proofs
from scripts.release import wish as release_wish
from scripts.release.facts import Facts
from scripts.release.schema_rules import with_scripts
from scripts.release.wish import Wish, commits_between
from scripts.secrets.check import of_release
from scripts.state.remote import Remote, observe_remote, read_lock
from scripts.system.background import begin


def observe(desk: Desk, wish: Wish) -> Facts:
    """All the facts of a release. Reads only, slow ones at the same time."""
    live = begin(desk.look, wish.environment)
    findings = begin(of_release, desk, wish.environment, wish.release, wish.resumes)
    source_live = begin(desk.look, wish.source) if wish.source else None
    applied = begin(applied_migrations, desk, wish.environment)
    facts = _of_the_remote(desk, wish, observe_remote(desk))
    known = with_scripts(
        desk,
        replace(
            facts,
            live=live.result(),
            source_live=source_live.result() if source_live else None,
            applied=applied.result(),
            findings=findings.result(),
        ),
    )
    if not (wish.with_data and known.rolls_back):
        return known
    from scripts.release.restore_data import with_losses

    return with_losses(desk, known, wish.backup)


def _of_the_remote(desk: Desk, wish: Wish, remote: Remote) -> Facts:
    """What refs, ledger and commits say; what is live, and applied, is put in when it is known."""
    environment, source = wish.environment, wish.source
    head = remote.head(environment)
    target = release_wish.target(wish, remote)
    wanted = target.commit if target else release_wish.wanted(desk, wish, remote)
    contained = release_wish.contained(desk, wish, head, wanted)
    previous = remote.ledger.live(environment.name)
    lock = read_lock(desk, remote.refs, environment)
    base = head if wish.moves_branch else (previous.commit if previous else None)
    apart = source is not None and head is not None and not contained
    return Facts(
        task=wish.task,
        environment=environment,
        source=source,
        wanted=wanted,
        head=head,
        contained=contained,
        commits=commits_between(desk, wanted, base),
        strangers=() if contained or head is None else commits_between(desk, head, wanted),
        lock=None if lock and lock.run == wish.resumes else lock,
        ledger=remote.ledger,
        committed=migrations_of(desk, wanted),
        live=Answer(None),
        source_live=None,
        applied=None,
        at_source=source is None or remote.head(source) == wanted,
        remote=desk.git.remote,
        target=target,
        now=desk.now(),
        allow_bad=wish.allow_bad,
        retry=wish.retry,
        harmless=apart and harmless(desk, wanted, environment, head or ""),
        carried=release_wish.carried(desk, wish, remote, wanted),
        revision=wish.revision or "",
        accepts=wish.accepts,
        with_data=wish.with_data,
        rung=wish.rung,
        **_proofs(desk, wish, remote, wanted),
    )


def _proofs(desk: Desk, wish: Wish, remote: Remote, wanted: str) -> dict[str, Any]:
    """What the gates look at; a run that goes on was judged already."""
    before = desk.settings.before(wish.environment)
    if wish.resumes or before is None or wish.environment.gates == Gates():
        return {}
    made = desk.git.log(wanted, None, limit=1)
    return {
        "before": before,
        "maker": made[0]["author"] if made else "",
        "altered": proofs.altered(desk, remote.ledger, before, wanted),
    }
