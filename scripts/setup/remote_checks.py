"""`doctor` for the git remote: it can be read, takes the pushes of a run, and protects its branches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, Refused
from scripts.git.client import StaleError
from scripts.git.command import Update, remote_urls
from scripts.git.isolation import left_out
from scripts.github.client import Github, branch_path
from scripts.github.remote import from_process, hub_of, repository_of
from scripts.github.rulesets import PREFIX, wanted
from scripts.setup import health, protect, protection
from scripts.setup.health import Finding
from scripts.state.desk_version import how_to_upgrade, outdated
from scripts.state.lock import blocked
from scripts.state.mirrors import lagging
from scripts.state.remote import fetch_ledger
from scripts.state.rewritten import LedgerRewritten

LEDGER = "deploy-ledger"
SCRATCH = "refs/deploy/doctor/"
RUNNING = 30  # minutes after which no doctor runs any more
NO_COMMIT = "1" * 40  # an id that no object has
ACCESS = (
    "give this account write access to the repository, and let no rule forbid refs below `refs/deploy/`"
)


def check_remote(desk: Desk) -> Iterator[Finding]:
    """Read the refs of the remote, and try what a lock needs of its pushes."""
    refs = desk.git.ls_remote()
    yield health.ok("remote", f"`{desk.git.remote}` can be read: {len(refs)} refs")
    for environment in desk.settings:
        if environment.branch_ref not in refs:
            hint = f"`git push {desk.git.remote} HEAD:refs/heads/{environment.branch}`"
            yield health.error("remote", f"it has no branch `{environment.branch}`", hint)
        if in_the_way := blocked(refs, environment.name):
            yield health.error("remote", *in_the_way.split("; "))
    yield from _unused_settings(desk)
    yield from (health.warning("remote", *each.split("; leave it out: ")) for each in lagging(desk))
    yield from _try_pushes(desk)


def _unused_settings(desk: Desk) -> Iterator[Finding]:
    """Name the settings of the checkout that the desk does not use, because they came with the checkout."""
    unused = left_out(desk.git.folder)
    if unused:
        listed = ", ".join(f"`{name}`" for name in unused)
        yield health.warning(
            "git", f"the checkout's own `.git/config` sets {listed}: the desk does not use that",
            f"if git needs it for `{desk.git.remote}`: `git config --global {unused[0]} ...`",
        )  # fmt: skip


def check_ledger(desk: Desk) -> Iterator[Finding]:
    """Read the whole ledger: every commit is an event, and nothing that this clone has seen is gone."""
    try:
        ledger = fetch_ledger(desk).ledger
    except LedgerRewritten as alarm:
        yield health.error("ledger", alarm.message, str(alarm.hint))
        return
    for doubt in ledger.doubts:
        if doubt.newer:
            yield health.warning("ledger", str(doubt), "update this desk")
        else:
            yield health.error("ledger", str(doubt), "`invoke ledger.repair` appends the correction")
    for name, count in ledger.strangers(desk.settings.chain).items():
        message = f"it has {count} events of `{name}`, which is no environment of the chain"
        yield health.warning("ledger", message, "if it was removed: `invoke ledger.repair`")
    if old := outdated(ledger):
        yield health.warning("desk", old, how_to_upgrade())
    if not ledger.problems(desk.settings.chain):
        yield health.ok("ledger", f"{len(ledger.events)} events can be read")


def _try_pushes(desk: Desk) -> Iterator[Finding]:
    """Push two scratch refs, try to delete both with one wrong lease, then delete them."""
    git, run = desk.git, f"{_minute(desk.now())}-{desk.new_id()}"
    _sweep(desk)
    commit = git.commit_json("doctor.json", {"run": run}, "a scratch ref of `invoke doctor`", None)
    scratch = [f"{SCRATCH}{run}/{name}" for name in ("a", "b")]
    try:
        git.push([Update(ref, None, commit) for ref in scratch])
    except CommandFailed as fault:
        yield health.error(
            "push", f"refs below `refs/deploy/` can't be pushed: {fault.message}", fault.hint or ACCESS
        )
        return
    try:
        git.push([Update(scratch[0], NO_COMMIT, None), Update(scratch[1], commit, None)])
        yield health.error("push", "the remote ignored a wrong lease", "use a server that runs git itself")
    except StaleError as stale:
        if scratch[1] in stale.refs:
            yield health.ok("push", "a lock can be pushed; a push with a wrong lease is refused as a whole")
        else:
            yield health.error(
                "push", "`push --atomic` moved one ref of two", "use a server that runs git itself"
            )
    finally:
        with contextlib.suppress(CommandFailed, StaleError):
            refs = git.ls_remote()
            git.push([Update(ref, refs[ref], None) for ref in scratch if ref in refs])
    if any(ref in git.ls_remote() for ref in scratch):
        hint = f"`git push {git.remote} --delete {' '.join(scratch)}`"
        yield health.error("push", "the scratch refs can't be deleted", hint)


def _sweep(desk: Desk) -> None:
    """Delete the scratch refs that killed doctors left; that of one that may be running stays."""
    now, left = _minute(desk.now()), []
    for ref, commit in desk.git.ls_remote().items():
        began = ref.removeprefix(SCRATCH).partition("-")[0]
        if ref.startswith(SCRATCH) and not (began.isdigit() and abs(int(now) - int(began)) < RUNNING):
            left.append(Update(ref, commit, None))
    if left:
        with contextlib.suppress(CommandFailed, StaleError):
            desk.git.push(left)


def _minute(now: str) -> str:
    """Minutes of Unix time, of an ISO 8601 text."""
    return str(int(datetime.fromisoformat(now).timestamp() // 60))


def check_github(desk: Desk) -> Iterator[Finding]:
    """Check the token's scopes, this clock against GitHub's, and the protection of the branches."""
    urls = remote_urls(desk.git.folder, desk.git.remote)
    last = desk.settings.environments[desk.settings.chain[-1]]
    token, api = desk.values(last).get("GITHUB_TOKEN"), desk.settings.secrets.github_api
    hub = hub_of(desk, [last]) or from_process(urls, token, api)
    if hub is None:
        if any(map(repository_of, urls)):
            hint = "set `GH_TOKEN` of an account that may read the repository's administration"
            yield health.warning("protection", "GitHub's rules can't be read without a token", hint)
        return
    status, document, headers = hub.get()
    if status != 200 or not isinstance(document, dict):
        hint = "create a token for this repository, and set `GH_TOKEN`"
        yield health.error("github-token", f"GitHub answers {status} for `{hub.repository}`", hint)
        return
    yield protection.check_token(headers.get("X-OAuth-Scopes"), document.get("permissions") or {})
    with contextlib.suppress(TypeError, ValueError):
        theirs = parsedate_to_datetime(headers.get("Date", ""))
        ours = datetime.fromisoformat(desk.now())
        yield health.clock_skew(
            "GitHub", (theirs.replace(tzinfo=theirs.tzinfo or UTC) - ours).total_seconds()
        )
    for environment in desk.settings:
        first = environment.name == desk.settings.chain[0]
        yield from _check_branch(hub, environment.branch, first=first)
    yield from _check_branch(hub, LEDGER, first=False)
    yield from _check_rulesets(desk, hub)


def _check_rulesets(desk: Desk, hub: Github) -> Iterator[Finding]:
    """How the rulesets of `github.protect` differ from the configuration, where somebody applied them."""
    hint = "`invoke github.protect --plan`"
    try:
        there = protect.read(hub)
        ours = {name: each for name, each in there.items() if name.startswith(PREFIX)}
        asked = wanted(desk.settings, LEDGER, protect.actors(desk, hub)) if ours else ()
        found = protect.drift(list(asked), ours)
    except (CommandFailed, Refused) as fault:
        yield health.warning(
            "rulesets", f"whether they are as configured is not known: {fault.message}", hint
        )
        return
    yield from (health.warning("rulesets", f"not as configured: {line}", hint) for line in found)
    if not found:
        words = "as configured" if ours else f"none of the desk's; {hint} shows them"
        yield health.ok("rulesets", words)


def _check_branch(hub: Github, branch: str, *, first: bool) -> Iterator[Finding]:
    status, classic, _ = hub.get(f"/branches/{branch_path(branch)}/protection")
    ruled, rules, _ = hub.get(f"/rules/branches/{branch_path(branch)}?per_page=100")
    if status not in (200, 404) and (ruled != 200 or not rules):
        hint = "give the token `Administration: read`"
        yield health.warning(
            "protection", f"the rules of `{branch}` can't be read (GitHub: {status})", hint
        )
        return
    active = [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    read = protection.parse(classic if status == 200 and isinstance(classic, dict) else None, active)
    yield from protection.check_branch(branch, read, first=first, ledger=branch == LEDGER)
