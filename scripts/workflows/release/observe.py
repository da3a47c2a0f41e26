"""Look, before anything is decided: refs, ledger, live URLs and migration history, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from scripts.adapters.git import Git
from scripts.domain.database.migrations import Applied, Migration, read
from scripts.domain.release import ledger as ledgers
from scripts.domain.release.facts import Facts
from scripts.domain.release.ledger import Ledger
from scripts.domain.release.live import Answer
from scripts.domain.release.lock import FILE as LOCK_FILE
from scripts.domain.release.lock import Lock, lock_of, lock_ref
from scripts.domain.settings import Environment, Gates
from scripts.errors import Refused
from scripts.shell.background import begin
from scripts.workflows.database.schema_facts import with_scripts
from scripts.workflows.line.aligning import harmless
from scripts.workflows.quality import reports
from scripts.workflows.release import wish as wished
from scripts.workflows.release.wish import Wish, commits_between
from scripts.workflows.secrets.examine import of_release
from scripts.workflows.toolbox import Toolbox


@dataclass(frozen=True)
class Remote:
    """The shared state: the remote's refs, and what the ledger says."""

    refs: Mapping[str, str]
    ledger: Ledger

    def head(self, environment: Environment) -> str | None:
        """Where the environment's branch is; None when it is not there yet."""
        return self.refs.get(environment.branch_ref)


def observe(tools: Toolbox, wish: Wish) -> Facts:
    """All the facts of a release. Reads only, slow ones at the same time."""
    live = begin(tools.look, wish.environment)
    findings = begin(of_release, tools, wish.environment, wish.release, wish.resumes)
    source_live = begin(tools.look, wish.source) if wish.source else None
    applied = begin(applied_migrations, tools, wish.environment)
    facts = _of_the_remote(tools, wish, observe_remote(tools))
    known = with_scripts(
        tools,
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
    from scripts.workflows.database.with_data import with_losses

    return with_losses(tools, known, wish.backup)


def _of_the_remote(tools: Toolbox, wish: Wish, remote: Remote) -> Facts:
    """What refs, ledger and commits say; what is live, and applied, is put in when it is known."""
    environment, source = wish.environment, wish.source
    head = remote.head(environment)
    target = wished.target(wish, remote)
    wanted = target.commit if target else wished.wanted(tools, wish, remote)
    contained = wished.contained(tools, wish, head, wanted)
    previous = remote.ledger.live(environment.name)
    lock = read_lock(tools, remote.refs, environment)
    base = head if wish.moves_branch else (previous.commit if previous else None)
    apart = source is not None and head is not None and not contained
    return Facts(
        task=wish.task,
        environment=environment,
        source=source,
        wanted=wanted,
        head=head,
        contained=contained,
        commits=commits_between(tools, wanted, base),
        strangers=() if contained or head is None else commits_between(tools, head, wanted),
        lock=None if lock and lock.run == wish.resumes else lock,
        ledger=remote.ledger,
        committed=migrations_of(tools, wanted),
        live=Answer(None),
        source_live=None,
        applied=None,
        at_source=source is None or remote.head(source) == wanted,
        remote=tools.git.remote,
        target=target,
        now=tools.now(),
        allow_bad=wish.allow_bad,
        retry=wish.retry,
        harmless=apart and harmless(tools, wanted, environment, head or ""),
        carried=wished.carried(tools, wish, remote, wanted),
        revision=wish.revision or "",
        accepts=wish.accepts,
        with_data=wish.with_data,
        rung=wish.rung,
        **_proofs(tools, wish, remote, wanted),
    )


def _proofs(tools: Toolbox, wish: Wish, remote: Remote, wanted: str) -> dict[str, Any]:
    """What the gates look at; a run that goes on was judged already."""
    before = tools.settings.before(wish.environment)
    if wish.resumes or before is None or wish.environment.gates == Gates():
        return {}
    made = tools.git.log(wanted, None, limit=1)
    return {
        "before": before,
        "maker": made[0]["author"] if made else "",
        "altered": reports.altered(tools, remote.ledger, before, wanted),
    }


def observe_remote(tools: Toolbox) -> Remote:
    """The remote's refs and the ledger, with the objects at hand."""
    wanted = [ledgers.REF]
    for environment in tools.settings:
        wanted += [environment.branch_ref, lock_ref(environment.name)]
    seen = tools.git.seen(ledgers.REF)
    refs = tools.git.observe(wanted)
    tip = refs.get(ledgers.REF)
    if seen and not (tip and tools.git.is_ancestor(seen, tip)):
        raise Refused(
            f"the ledger was rewritten: it no longer holds what this clone has seen of it (`{seen[:12]}`)",
            f"find out who did it, and restore it: `git push {tools.git.remote} --force-with-lease"
            f" {seen}:{ledgers.REF}`",
        )
    return Remote(refs, read_ledger(tools, refs.get(ledgers.REF)))


def read_ledger(tools: Toolbox, tip: str | None) -> Ledger:
    """The ledger up to one of its commits."""
    return _ledger(tools.git, tip) if tip else Ledger(None, ())


@cache
def _ledger(git: Git, tip: str) -> Ledger:
    """A commit never changes, so what it holds is read once."""
    chain = git.chain(tip, ledgers.FILE)
    return Ledger(tip, tuple(ledgers.event_of(document) for document in chain))


def read_lock(tools: Toolbox, refs: Mapping[str, str], environment: Environment) -> Lock | None:
    """Who holds an environment, by the refs that were just read."""
    held = refs.get(lock_ref(environment.name))
    if held is None:
        return None
    return lock_of(tools.git.chain(held, LOCK_FILE)[0])


def migrations_of(tools: Toolbox, commit: str) -> tuple[Migration, ...]:
    """The migrations of a commit: from its objects, never from a working tree."""
    folder = tools.settings.app.migrations
    return read(tools.git.files(commit, folder, ".sql")) if folder else ()


def applied_migrations(tools: Toolbox, environment: Environment) -> tuple[Applied, ...] | None:
    """The history of an environment's database, None when it has no database."""
    postgres = tools.postgres(environment)
    return tuple(Applied(*row) for row in postgres.history()) if postgres else None
