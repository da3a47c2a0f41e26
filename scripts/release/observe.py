"""Observe, before anything is decided: refs, ledger, live URLs and migration history, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from scripts.branches import pull_request
from scripts.branches.carry import Carried, carried, waiting
from scripts.branches.landing import push_objections
from scripts.branches.pull_facts import PullFacts
from scripts.branches.pull_request import BY_REQUEST
from scripts.config.desk import Desk
from scripts.config.outcome import Refusal
from scripts.config.settings import Environment, Gates
from scripts.database.edge_functions.observe import function_facts
from scripts.database.migrations.files import applied_migrations, elsewhere, folder_of
from scripts.errors import Refused
from scripts.git.client import Commit
from scripts.github.remote import hub_of
from scripts.quality import evidence, github_check, proofs
from scripts.quality.digests import journeys_here
from scripts.quality.twins import Twins, twins_of
from scripts.release import clock
from scripts.release.facts import Facts
from scripts.release.request import ReleaseRequest
from scripts.release.schema_rules import with_known_state, with_scripts
from scripts.replit.drivers import driver_of
from scripts.replit.live import Answer
from scripts.secrets.check import check_for_release
from scripts.secrets.finding import Finding
from scripts.secrets.required import require_variables
from scripts.state.ledger import Event
from scripts.state.remote import Remote, observe_remote, read_lock
from scripts.system.background import submit
from scripts.system.near import guess


def observe(desk: Desk, request: ReleaseRequest) -> Facts:
    """All the facts of a release. Reads only, slow ones at the same time."""
    environment, source = request.target(desk.settings), request.source(desk.settings)
    require_variables(desk, environment, builds=not (request.goes_back or request.resumes))
    live = submit(driver_of(desk, environment).live)
    findings = submit(_configuration, desk, request, environment)
    source_live = submit(driver_of(desk, source).live) if source else None
    objection = submit(_workspace, desk, environment) if request.plan else None
    applied = submit(applied_migrations, desk, environment)
    asked = clock.begin(desk, environment)
    remote = _of_the_remote(desk, request, environment, source)
    if _builds_soon(desk, remote):
        driver_of(desk, environment).connect()  # beside the answers that are still to come
    functions = function_facts(desk, environment, remote.wanted, remote.ledger, remote.target)
    time = clock.time_of(desk, environment, asked, live.result())
    if time.skew:
        desk.progress.note(f"warning: {time.skew}")
    facts = with_known_state(
        desk,
        with_scripts(
            desk,
            replace(
                remote,
                live=live.result(),
                source_live=source_live.result() if source_live else None,
                applied=applied.result(),
                findings=findings.result(),
                workspace=objection.result() if objection else None,
                functions=functions,
                now=time.now,
            ),
        ),
    )
    if not (request.restores_data and facts.rolls_back):
        return facts
    from scripts.release.restore_data import with_losses

    return with_losses(desk, facts, request.backup)


def _builds_soon(desk: Desk, remote: Facts) -> bool:
    """Whether a build follows, as far as is known: no person is asked before, and nothing waited for."""
    request, live = remote.request, remote.previous
    asks = remote.environment.guarded and not request.yes
    waits = request.run_missing or desk.settings.app.land == BY_REQUEST
    new = live is None or live.commit != remote.wanted
    return new and not (request.plan or remote.lock or asks or waits)


def _workspace(desk: Desk, environment: Environment) -> Refusal | None:
    """What the workspace would refuse, for a plan; a release finds it when it builds, its first change."""
    found = driver_of(desk, environment).objection()
    return Refusal(found.message, found.hint) if found else None


def _configuration(desk: Desk, request: ReleaseRequest, environment: Environment) -> tuple[Finding, ...]:
    """What `env.check` says; a rollback, or a run that is resumed, is not held up by it."""
    return () if request.goes_back or request.resumes else check_for_release(desk, environment)


def _of_the_remote(
    desk: Desk, request: ReleaseRequest, environment: Environment, source: Environment | None
) -> Facts:
    """What refs, ledger and commits say; what is live, and applied, is put in when it is known."""
    remote = observe_remote(desk)
    head = remote.head(environment)
    target = _release_to_go_back_to(desk, request, environment, remote)
    named = _wanted(desk, request, source or environment, remote, target)
    way = _way_of(desk, request, environment, remote, named)
    named, wanted, contained = way.named, way.wanted, way.contained
    previous = remote.ledger.live(environment.name)
    lock = read_lock(desk, remote.refs, environment)
    waits = waiting(desk, environment, remote) if request.task == "deploy" else None
    base = head if request.moves_branch else (previous.commit if previous else None)
    folder = folder_of(desk, wanted)
    return Facts(
        request=request,
        environment=environment,
        source=source,
        wanted=wanted,
        head=head,
        contained=contained,
        commits=commits_between(desk, wanted, base),
        strangers=() if contained or head is None else commits_between(desk, head, wanted),
        lock=None if lock and lock.run == request.resumes else lock,
        ledger=remote.ledger,
        committed=folder.migrations,
        file_faults=folder.faults,
        live=Answer(None),
        source_live=None,
        applied=None,
        at_source=source is None or remote.head(source) == named,
        remote=desk.git.remote,
        target=target,
        landed=way.landed,
        merges=named if way.merge else "",
        waits=waits,
        carried=_carried(desk, request, environment, remote, wanted),
        **_judged(desk, request, environment, remote, wanted),
    )


class Way(NamedTuple):
    """How a commit gets onto the branch.

    Args:
        named: the commit that was asked for.
        wanted: the one that is released: itself, or what stands for it in the branch.
        contained: the history allows it.
        landed: GitHub has merged it already.
        merge: `wanted` was made for this run.
    """

    named: str
    wanted: str
    contained: bool
    landed: bool
    merge: bool


def _way_of(
    desk: Desk, request: ReleaseRequest, environment: Environment, remote: Remote, named: str
) -> Way:
    head, source = remote.head(environment), request.source(desk.settings)
    merged = "" if request.goes_back else remote.ledger.live_behind(environment.name, head)
    named = merged if merged and named == head else named  # GitHub's merge of what is live brings nothing
    contained = _is_contained(desk, request, head, named)
    landed = named == merged or _has_landed(desk, request, environment, head, named)
    over = None if contained or landed else _over(desk, source, environment, remote, named)
    wanted = over.commit if over else named
    return Way(named, wanted, contained or landed or over is not None, landed, bool(over and over.merge))


def _by_request(desk: Desk, request: ReleaseRequest) -> bool:
    """Whether it goes by pull request, or may have."""
    return desk.settings.app.land == BY_REQUEST and request.task in ("promote", "deploy")


def _has_landed(
    desk: Desk, request: ReleaseRequest, environment: Environment, head: str | None, commit: str
) -> bool:
    """Whether GitHub has merged the commit for the dead run that is resumed."""
    source = request.source(desk.settings)
    if not (request.resumes and source and _by_request(desk, request)) or head == commit:
        return False
    return pull_request.landed(desk, source, environment, head, commit)


def _over(
    desk: Desk, source: Environment | None, environment: Environment, remote: Remote, named: str
) -> Carried | None:
    """What stands for a commit in a branch that went its own way: the merge that was proposed before."""
    found = carried(desk, source, environment, remote, named) if source else None
    if source and found and found.merge and desk.settings.app.land == BY_REQUEST:
        head = remote.head(environment)
        return found._replace(commit=pull_request.proposed(desk, source, environment, head, found.commit))
    return found


def _pull(
    desk: Desk,
    request: ReleaseRequest,
    environment: Environment,
    remote: Remote,
    twins: Twins,
    *,
    wanted: str,
) -> PullFacts | None:
    """The pull request from the branch before; None where there is none, and where there can't be one."""
    before = desk.settings.before(environment)
    if before is None or remote.head(environment) is None or not _by_request(desk, request):
        return None
    own = remote.head(before) != wanted
    if request.resumes or request.task == "deploy":
        made = f"refs/heads/{pull_request.own_branch(before, environment)}"
        own = remote.refs.get(made) == wanted
    return pull_request.look(desk, before, environment, wanted, twins.equal, own=own)


def _judged(
    desk: Desk, request: ReleaseRequest, environment: Environment, remote: Remote, wanted: str
) -> dict[str, Any]:
    """What the rules look at; a run that is resumed passed rules and gates already."""
    source, head = request.source(desk.settings), remote.head(environment)
    twins = twins_of(desk.git, remote.ledger, wanted)
    live = remote.ledger.live(environment.name)
    known: dict[str, Any] = {
        "subjects": desk.git.subjects([wanted, *([live.commit] if live else [])]),
        "leaves": len(commits_between(desk, live.commit, wanted)) if live and request.goes_back else 0,
        "twins": twins,
        "pull": _pull(desk, request, environment, remote, twins, wanted=wanted),
    }
    if request.resumes:
        return known
    if not request.goes_back:
        moved = head if request.moves_branch else wanted
        known["barred"] = push_objections(desk, source, environment, moved, wanted)
        known["elsewhere"] = elsewhere(desk, wanted)
    before = desk.settings.before(environment)
    if before is None or environment.gates == Gates():
        return known
    altered = proofs.altered(desk, remote.ledger, before, twins.equal | {wanted})
    checks = github_check.read(
        hub_of(desk, [environment]), desk.settings.tests, environment.gates, twins, wanted
    )
    demands = evidence.demanded(desk.settings, before, environment.gates, journeys_here())
    return {**known, "before": before, "altered": altered, "checks": checks, "demands": demands}


def _release_to_go_back_to(
    desk: Desk, request: ReleaseRequest, environment: Environment, remote: Remote
) -> Event | None:
    """A release that was proven live here, by the ledger; None for what brings something new.

    Raises:
        Refused: there is none, or none of that name.
    """
    if not request.goes_back:
        return None
    name = environment.name
    now, good = remote.ledger.live(name), remote.ledger.good(name)
    left = {*remote.ledger.bad(name), *([now.commit] if now else [])}
    trees = desk.git.trees([*left, *(each.commit for each in good)])
    alike = set() if request.restores_data else {trees.get(commit) for commit in left} - {None}
    others = [each for each in good if each.commit not in left and trees.get(each.commit) not in alike]
    if not request.to and others:
        return others[0]
    for event in remote.ledger.events:
        known = event.environment == name and event.release == request.to and event.ending == "done"
        if known and (event in good or request.allow_bad):
            return event
    same = [each for each in good if each.commit not in left and each not in others]
    raise _no_release(request, name, others, same)


def _no_release(request: ReleaseRequest, name: str, others: list[Event], same: list[Event]) -> Refused:
    """Why there is no release to go back to; `same` are good ones that have the files of what is live."""
    shown = f"`invoke history --env {name}` shows them all"
    if request.to:
        listed = ", ".join(f"`{other.release}` ({other.commit[:8]})" for other in others[:8])
        hint = guess(request.to, [other.release for other in others])
        good = f"good ones are {listed}; " if listed else ""
        return Refused(f"`{request.to}` is no good release of {name}", f"{hint}{good}{shown}")
    if same:
        one = same[0]
        return Refused(
            f"there is nothing to go back to: `{one.release}` ({one.commit[:8]}) has the same files as what"
            f" is live in {name}",
            f"{shown}; `invoke rollback --env {name} --to {one.release}` releases it all the same",
        )
    return Refused(f"{name} has no other good release to go back to", shown)


def _wanted(
    desk: Desk, request: ReleaseRequest, origin: Environment, remote: Remote, target: Event | None
) -> str:
    """The commit of the release to go back to, the one that was named, or the head of the branch."""
    if target:
        return desk.git.resolve(target.commit, remote.refs)  # a rewritten branch may have lost it
    if request.revision:
        return desk.git.resolve(request.revision, remote.refs)
    head = remote.head(origin)
    if head is None:
        raise Refused(
            f"the remote has no branch `{origin.branch}`",
            f"`git push {desk.git.remote} HEAD:refs/heads/{origin.branch}` makes it",
        )
    return head


def _is_contained(desk: Desk, request: ReleaseRequest, head: str | None, wanted: str) -> bool:
    """Whether the history allows it: the branch can be fast-forwarded to the commit, or contains it."""
    if request.task == "drill":  # its commit is on no branch, and never will be
        return True
    if request.moves_branch:
        return head is None or desk.git.is_ancestor(head, wanted)
    return head is not None and desk.git.is_ancestor(wanted, head)


def _carried(
    desk: Desk, request: ReleaseRequest, environment: Environment, remote: Remote, wanted: str
) -> tuple[Commit, ...]:
    """The commits of a hotfix that were made on a branch before; a resumed run was judged already."""
    head = remote.head(environment)
    if request.task != "hotfix" or request.resumes or head is None:
        return ()
    heads = [remote.head(each) for each in desk.settings if each is not environment]
    made = {commit for other in heads if other for commit in desk.git.first_parents_between(head, other)}
    return tuple(each for each in commits_between(desk, wanted, head) if each.id in made)


def commits_between(desk: Desk, new: str, without: str | None) -> tuple[Commit, ...]:
    """The commits of `new` that `without` lacks, newest first."""
    return tuple(desk.git.log(new, without))
