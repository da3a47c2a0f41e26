"""`doctor`, on the remote: that it can be read, takes what a run pushes, and guards its branches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scripts.config.desk import Desk
from scripts.errors import CommandFailed
from scripts.git import command
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.github import client
from scripts.github.client import Github, branch_path
from scripts.setup import health, protection
from scripts.setup.health import Finding

LEDGER = "deploy-ledger"
NOBODY = "1" * 40
ACCESS = (
    "give this account write access to the repository, and let no rule forbid refs below `refs/deploy/`"
)


def remote(desk: Desk) -> Iterator[Finding]:
    """Read its refs; push two scratch refs at once, see a wrong lease refused whole, take them away."""
    refs = desk.git.ls_remote()
    yield health.ok("remote", f"`{desk.git.remote}` can be read: {len(refs)} refs")
    for each in desk.settings:
        if each.branch_ref not in refs:
            hint = f"`git push {desk.git.remote} HEAD:refs/heads/{each.branch}`"
            yield health.error("remote", f"it has no branch `{each.branch}`", hint)
    yield from _pushes(desk)


def _pushes(desk: Desk) -> Iterator[Finding]:
    git, run = desk.git, desk.new_id()
    mine = git.commit_json("doctor.json", {"run": run}, "a scratch ref of `invoke doctor`", None)
    scratch = [f"refs/deploy/doctor/{run}/{name}" for name in ("a", "b")]
    try:
        git.push([Update(ref, None, mine) for ref in scratch])
    except CommandFailed as fault:
        yield health.error("push", f"the lock's refs can't be pushed: {fault.message}", ACCESS)
        return
    try:
        git.push([Update(scratch[0], NOBODY, None), Update(scratch[1], mine, None)])
        yield health.error(
            "push", "the remote ignored a lease that was wrong", "use a server that is git's own"
        )
    except StaleError as stale:
        if scratch[1] in stale.refs:
            yield health.ok("push", "locks can be pushed; a wrong lease is refused, and then nothing moves")
        else:
            yield health.error(
                "push", "`push --atomic` moved one ref of two", "use a server that is git's own"
            )
    finally:
        with contextlib.suppress(CommandFailed, StaleError):
            left = git.ls_remote()
            git.push([Update(ref, left[ref], None) for ref in scratch if ref in left])
    if any(ref in git.ls_remote() for ref in scratch):
        hint = f"`git push {git.remote} --delete {' '.join(scratch)}`"
        yield health.error("push", "the scratch refs can't be taken away again", hint)


def on_github(desk: Desk) -> Iterator[Finding]:
    """What the token may do, this clock against GitHub's, and the rules of the branches."""
    addresses = command.remote_urls(desk.git.folder, desk.git.remote)
    last = desk.settings.environments[desk.settings.chain[-1]]
    hub = client.from_process(addresses, desk.values(last).get("GITHUB_TOKEN"))
    if hub is None:
        if any(map(client.repository_of, addresses)):
            hint = "`GH_TOKEN` of an account that may read the repository's administration"
            yield health.warning("protection", "without a token GitHub's rules can't be seen", hint)
        return
    status, document, headers = hub.get()
    if status != 200 or not isinstance(document, dict):
        hint = "make a token for this repository, and set `GH_TOKEN`"
        yield health.error("github-token", f"GitHub answers {status} for `{hub.repository}`", hint)
        return
    yield protection.scopes(headers.get("X-OAuth-Scopes"), document.get("permissions") or {})
    with contextlib.suppress(TypeError, ValueError):
        then = parsedate_to_datetime(headers.get("Date", ""))
        now = datetime.fromisoformat(desk.now())
        yield health.skew("GitHub", (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())
    for each in desk.settings:
        yield from _branch(hub, each.branch, first=each.name == desk.settings.chain[0])
    yield from _branch(hub, LEDGER, first=False)


def _branch(hub: Github, branch: str, *, first: bool) -> Iterator[Finding]:
    status, classic, _ = hub.get(f"/branches/{branch_path(branch)}/protection")
    ruled, rules, _ = hub.get(f"/rules/branches/{branch_path(branch)}?per_page=100")
    if status not in (200, 404) and (ruled != 200 or not rules):
        hint = "give the token `Administration: read`"
        yield health.warning(
            "protection", f"the rules of `{branch}` can't be read (GitHub: {status})", hint
        )
        return
    known = [each for each in rules if isinstance(each, dict)] if isinstance(rules, list) else []
    found = protection.read(classic if status == 200 and isinstance(classic, dict) else None, known)
    yield from protection.judge(branch, found, first=first, ledger=branch == LEDGER)
