"""Pull requests: find, open, read, describe and merge them; a lost answer never makes two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from scripts.errors import CommandFailed, PushRefused, Unreachable
from scripts.github.client import Github, refused, require_readable

UNKNOWN = (404, 422)  # what GitHub answers for a commit that it does not have
LONGEST = 60_000  # characters of a body; GitHub takes 65,536
PASSED = ("success", "neutral", "skipped")
# People whom GitHub lets review and not merge: their approvals count for nothing there.
OUTSIDERS = ("NONE", "CONTRIBUTOR", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN")
VERDICTS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")  # a comment leaves the verdict as it was


class Pull(NamedTuple):
    """A pull request.

    Args:
        head: the commit that it would merge.
        merge: the commit that its merge made; "" if it is not merged.
        state: `open`, `merged` or `closed`.
        mergeable: GitHub's word for what stands against a merge: `clean`, `blocked`, `dirty` and others.
        opened: just now.
    """

    number: int
    url: str
    head: str
    state: str
    title: str
    body: str
    draft: bool = False
    merge: str = ""
    mergeable: str = ""
    opened: bool = False


class Review(NamedTuple):
    """The last verdict of one person on a pull request, and the commit that it is about."""

    who: str
    state: str
    commit: str
    at: str
    counts: bool


class Check(NamedTuple):
    """A check of a commit: `passed`, `failed`, `pending`, or `missing` where nothing reported it yet."""

    name: str
    state: str
    url: str = ""

    def __str__(self) -> str:
        """For people: its name and where it is."""
        return f"`{self.name}`{f' ({self.url})' if self.url else ''}"


def find(hub: Github, head: str, base: str, *, state: str = "open") -> Pull | None:
    """The newest pull request from `head` into `base`; None where there is none.

    Raises:
        Unreachable: GitHub gave no answer, or the token may not read it.
    """
    found = _rows(hub, head, base, state)
    return _pull(found[0]) if found else None


def _rows(hub: Github, head: str, base: str, state: str) -> list[Mapping[str, Any]]:
    owner = hub.repository.partition("/")[0]
    query = f"head={quote(f'{owner}:{head}', safe='')}&base={quote(base, safe='')}&state={state}"
    rows = hub.rows(f"/pulls?{query}&sort=created&direction=desc", what="pull requests")
    return sorted(filter(_pull, rows), key=lambda row: -int(row["number"]))


def find_or_open(hub: Github, head: str, base: str, title: str, body: str) -> Pull:
    """The open pull request from `head` into `base`; a new one where there is none.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: it opens none.
    """

    def there() -> Mapping[str, Any] | None:
        return next(iter(_rows(hub, head, base, "open")), None)

    document = {"title": title, "head": head, "base": base, "body": body[:LONGEST]}
    right = "Pull requests: write"
    made, new = hub.create(
        "/pulls", document, there, f"open a pull request from `{head}` into `{base}`", right
    )
    pull = _pull(made)
    if pull is None:
        raise CommandFailed("GitHub answered something else than a pull request")
    return pull._replace(opened=new)


def read(hub: Github, number: int) -> Pull:
    """A pull request as it is now.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: the answer is no pull request.
    """
    status, document, _ = hub.get(f"/pulls/{number}")
    require_readable(status, "GitHub", "pull requests")
    pull = _pull(document)
    if pull is None:
        raise CommandFailed("GitHub answered something else than a pull request")
    return pull


def describe(hub: Github, pull: Pull, body: str) -> None:
    """Give a pull request this body, if it has another.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: it refuses.
    """
    if body.strip() == pull.body.replace("\r\n", "\n").strip():
        return
    status, said = hub.send("PATCH", f"/pulls/{pull.number}", {"body": body[:LONGEST]})
    if status != 200:
        raise refused(status, said, f"change pull request #{pull.number}", "Pull requests: write")


def reviews(hub: Github, number: int) -> tuple[Review, ...]:
    """The last verdict of each person, oldest first.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    last: dict[str, Review] = {}
    for row in hub.rows(f"/pulls/{number}/reviews", what="pull requests"):
        user, state = row.get("user"), str(row.get("state") or "").upper()
        who = user.get("login") if isinstance(user, Mapping) else None
        if isinstance(who, str) and state in VERDICTS:
            at, commit = str(row.get("submitted_at") or ""), str(row.get("commit_id") or "")
            last.pop(who, None)
            last[who] = Review(who, state, commit, at, row.get("author_association") not in OUTSIDERS)
    return tuple(last.values())


def checks(hub: Github, commit: str, names: tuple[str, ...]) -> tuple[Check, ...]:
    """How these checks stand for a commit: the newest run of each name, else the status of that name.

    Raises:
        Unreachable: GitHub gave no answer, or the token may not read it.
    """
    if not names:
        return ()
    found = {name: Check(name, "missing") for name in names}
    newest: dict[str, int] = {}
    for row in hub.rows(f"/commits/{commit}/status", "statuses", "commit statuses", UNKNOWN):
        name, state = str(row.get("context")), str(row.get("state"))
        if name in found and found[name].state == "missing":
            verdict = {"success": "passed", "pending": "pending"}.get(state, "failed")
            found[name] = Check(name, verdict, str(row.get("target_url") or ""))
    for row in hub.rows(f"/commits/{commit}/check-runs", "check_runs", "checks", UNKNOWN):
        name, number = str(row.get("name")), int(row.get("id") or 0)
        if name in found and number >= newest.get(name, 0):
            newest[name] = number
            found[name] = Check(name, _verdict(row), str(row.get("html_url") or ""))
    return tuple(found.values())


def _verdict(row: Mapping[str, Any]) -> str:
    if not row.get("conclusion"):
        return "pending"
    return "passed" if row["conclusion"] in PASSED else "failed"


def makers(hub: Github, commit: str) -> frozenset[str]:
    """The accounts that made a commit, as far as GitHub knows them.

    Raises:
        Unreachable: GitHub gave no answer.
    """
    _, document, _ = hub.get(f"/commits/{commit}")
    people = [document.get(key) for key in ("author", "committer")] if isinstance(document, Mapping) else []
    return frozenset(str(each["login"]) for each in people if isinstance(each, Mapping) and "login" in each)


def merge(hub: Github, pull: Pull, commit: str, method: str) -> str:
    """Have GitHub merge exactly this commit; returns the commit that it made.

    Raises:
        Unreachable: it may be merged.
        PushRefused: GitHub refuses it: the head moved, a rule is not met.
    """
    wanted = {"sha": commit, "merge_method": method}
    status, said = hub.send("PUT", f"/pulls/{pull.number}/merge", wanted)
    if status == 200 and isinstance(said, Mapping) and isinstance(said.get("sha"), str):
        return str(said["sha"])
    now = read(hub, pull.number)  # an answer that was lost looks like a refusal the second time
    if now.state == "merged" and now.head == commit and now.merge:
        return now.merge
    if status in (404, 405, 409, 422, 403):
        fault = refused(status, said, f"merge pull request #{pull.number}")
        raise PushRefused(fault.message, f"see {pull.url}")
    raise Unreachable(f"GitHub answered {status} to the merge of pull request #{pull.number}")


def compare_url(repository: str, head: str, base: str) -> str:
    """The page on GitHub where a person opens the pull request."""
    return f"https://github.com/{repository}/compare/{quote(base)}...{quote(head)}?expand=1"


def _pull(document: Any) -> Pull | None:
    if not isinstance(document, Mapping):
        return None
    number, url, head = document.get("number"), document.get("html_url"), document.get("head")
    if not (isinstance(number, int) and isinstance(url, str)):
        return None
    merged = bool(document.get("merged") or document.get("merged_at"))
    return Pull(
        number,
        url,
        str(head.get("sha") or "") if isinstance(head, Mapping) else "",
        "merged" if merged else str(document.get("state") or "open"),
        str(document.get("title") or ""),
        str(document.get("body") or ""),
        draft=document.get("draft") is True,
        merge=str(document.get("merge_commit_sha") or "") if merged else "",
        mergeable=str(document.get("mergeable_state") or ""),
    )
