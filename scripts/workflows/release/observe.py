"""Look, before anything is decided: refs, ledger, live URLs and migration history, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from scripts.adapters.git import Git
from scripts.adapters.git_merge import MergingGit
from scripts.domain.database.migrations import Applied, Migration, read
from scripts.domain.release import ledger as ledgers
from scripts.domain.release.facts import MOVES_BRANCH, Commit, Facts
from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.release.live import Answer
from scripts.domain.release.lock import FILE as LOCK_FILE
from scripts.domain.release.lock import Lock, lock_of, lock_ref
from scripts.domain.secrets.finding import Finding
from scripts.domain.settings import Environment, Gates
from scripts.errors import Refused
from scripts.shell.background import begin
from scripts.workflows.database.schema_facts import with_scripts
from scripts.workflows.line.aligning import harmless
from scripts.workflows.quality import reports
from scripts.workflows.secrets.examine import examine
from scripts.workflows.toolbox import Toolbox


@dataclass(frozen=True)
class Remote:
    """The shared state: the remote's refs, and what the ledger says."""

    refs: Mapping[str, str]
    ledger: Ledger

    def head(self, environment: Environment) -> str | None:
        """Where the environment's branch is; None when it is not there yet."""
        return self.refs.get(environment.branch_ref)


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Args:
        source: the environment to promote from; None for what comes from no other.
        revision: a commit, branch or tag; None for the head of the branch.
        release: the release to go back to (`v3`, or "" for the last good one); None for others.
        allow_bad: why a commit that was rolled back here may be live again.
        retry: a commit that failed here may be tried again.
        resumes: the dead run whose lock does not count.
        accepts: what a person takes on himself, see `Facts`.
    """

    task: str
    environment: Environment
    source: Environment | None = None
    revision: str | None = None
    retry: bool = False
    release: str | None = None
    allow_bad: str = ""
    resumes: str | None = None
    accepts: frozenset[str] = frozenset()

    @property
    def moves_branch(self) -> bool:
        """At the end the environment's branch moves to what is released."""
        return self.task in MOVES_BRANCH


def observe(tools: Toolbox, wish: Wish) -> Facts:
    """All the facts of a release. Reads only, slow ones at the same time."""
    live = begin(tools.look, wish.environment)
    findings = begin(of_configuration, tools, wish)
    source_live = begin(tools.look, wish.source) if wish.source else None
    applied = begin(applied_migrations, tools, wish.environment)
    facts = _of_the_remote(tools, wish, observe_remote(tools))
    return with_scripts(
        tools,
        replace(
            facts,
            live=live.result(),
            source_live=source_live.result() if source_live else None,
            applied=applied.result(),
            findings=findings.result(),
        ),
    )


def of_configuration(tools: Toolbox, wish: Wish) -> tuple[Finding, ...]:
    """What `env.check` says; going back, and finishing what was begun, is not held up by it."""
    if wish.release is not None or wish.resumes:
        return ()
    return examine(tools, wish.environment)[0]


def _of_the_remote(tools: Toolbox, wish: Wish, remote: Remote) -> Facts:
    """What refs, ledger and commits say; what is live, and applied, is put in when it is known."""
    environment, source = wish.environment, wish.source
    head = remote.head(environment)
    target = _target(wish, remote)
    wanted = target.commit if target else _wanted(tools, wish, remote)
    contained = _contained(tools, wish, head, wanted)
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
        carried=_carried(tools, wish, remote, wanted),
        revision=wish.revision or "",
        accepts=wish.accepts,
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


def _target(wish: Wish, remote: Remote) -> Event | None:
    """The release to go back to: from the ledger alone, among those that were proven live here."""
    if wish.release is None:
        return None
    name = wish.environment.name
    now, good = remote.ledger.live(name), remote.ledger.good(name)
    others = [each for each in good if now is None or each.commit != now.commit]
    listed = ", ".join(f"`{each.release}` ({each.commit[:12]}, {each.at})" for each in others[:8])
    if not wish.release and others:
        return others[0]
    for each in remote.ledger.events:
        known = each.environment == name and each.release == wish.release and each.ending == "done"
        if known and (each in good or wish.allow_bad):
            return each
    asked = (
        f"`{wish.release}` is no good release of {name}"
        if wish.release
        else (f"{name} has no other good release to go back to")
    )
    raise Refused(asked, f"good ones: {listed}" if listed else "`invoke history` shows them all")


def _wanted(tools: Toolbox, wish: Wish, remote: Remote) -> str:
    """The commit to release: the one that was named, or the head of the branch it comes from."""
    if wish.revision:
        return tools.git.resolve(wish.revision, remote.refs)
    origin = wish.source or wish.environment
    head = remote.head(origin)
    if head is None:
        raise Refused(
            f"the remote has no branch `{origin.branch}`",
            f"`git push {tools.git.remote} HEAD:refs/heads/{origin.branch}` makes it",
        )
    return head


def _contained(tools: Toolbox, wish: Wish, head: str | None, wanted: str) -> bool:
    """Whether the history allows it: a fast-forward of the branch if that is to move, or on it."""
    if wish.task == "drill":  # its commit is on no branch, and never will be
        return True
    if wish.moves_branch:
        return head is None or tools.git.is_ancestor(head, wanted)
    return head is not None and tools.git.is_ancestor(wanted, head)


def _carried(tools: Toolbox, wish: Wish, remote: Remote, wanted: str) -> tuple[Commit, ...]:
    """The commits of a hotfix that were made on a branch before; a run that goes on was judged already."""
    head = remote.head(wish.environment)
    if wish.task != "hotfix" or wish.resumes or head is None:
        return ()
    git = MergingGit(tools.git.folder, tools.git.remote)
    heads = [remote.head(each) for each in tools.settings if each is not wish.environment]
    made = {commit for other in heads if other for commit in git.straight(head, other)}
    return tuple(each for each in commits_between(tools, wanted, head) if each.id in made)


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


def commits_between(tools: Toolbox, new: str, without: str | None) -> tuple[Commit, ...]:
    """The commits of `new` that `without` lacks, newest first."""
    return tuple(Commit(**line) for line in tools.git.log(new, without))
