"""One comment on a pull request that is written once and then changed: found again by its first line."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.errors import CommandFailed
from scripts.github.client import Github, refused

RIGHT = "Pull requests: write"
LONGEST = 60_000  # characters; GitHub takes 65,536


def say(hub: Github, pull: int, mark: str, text: str, *, opens: bool = True) -> None:
    """Write the comment, or give it this text.

    Args:
        mark: an HTML comment, its first line; a comment that somebody else wrote under it is left alone.
        opens: write a new one where there is none.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: it refuses.
    """
    body = f"{mark}\n{text}"[:LONGEST]
    for row in _ours(hub, pull, mark):
        if str(row.get("body")).replace("\r\n", "\n") == body:
            return
        status, said = hub.send("PATCH", f"/issues/comments/{row['id']}", {"body": body})
        if status == 200:
            return
        if status not in (403, 404):  # somebody else's, or gone meanwhile
            raise refused(status, said, f"change a comment on pull request #{pull}", RIGHT)
    if not opens:
        return
    status, said = hub.post(f"/issues/{pull}/comments", {"body": body})
    if status != 201:
        raise refused(status, said, f"comment on pull request #{pull}", RIGHT)


def _ours(hub: Github, pull: int, mark: str) -> list[Mapping[str, object]]:
    rows = hub.rows(f"/issues/{pull}/comments", what="comments")
    found = [row for row in rows if str(row.get("body") or "").partition("\n")[0].strip() == mark]
    if any(not isinstance(row.get("id"), int) for row in found):
        raise CommandFailed("GitHub answered something else than a list of comments")
    return found
