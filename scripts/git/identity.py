# pure
"""Whose the desk's own commits are: the ledger's, locks, and merges of branches."""

from __future__ import annotations

import re
from typing import NamedTuple

COMMITTER = re.compile(r"([^<>\x00-\x1f]*[^<>\x00-\x20])\s*<([^<>\s@]+@[^<>\s@]+)>")
CRUD = "".join(map(chr, range(33))) + ".,:;<>\"\\'"  # what git takes from both ends of a name


class Identity(NamedTuple):
    """A name and a mail address, as git writes them into a commit."""

    name: str
    mail: str


DESK = Identity("release desk", "release-desk@localhost")


def parse_identity(text: str) -> Identity | None:
    """The identity in `Name <mail>`; None for anything else."""
    match = COMMITTER.fullmatch(text.strip())
    return Identity(match[1], match[2]) if match else None


def identity_of(committer: str) -> Identity:
    """Whose a commit of the desk is, with the name as git itself would write it.

    Args:
        committer: `Name <mail>`; "" for the desk itself.
    """
    found = parse_identity(committer) or DESK
    return Identity(*(part.strip(CRUD) for part in found))
