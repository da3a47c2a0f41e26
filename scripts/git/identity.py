# pure
"""Whose the desk's own commits are: the ledger's, locks, and merges of branches."""

from __future__ import annotations

import re
from typing import NamedTuple

COMMITTER = re.compile(r"([^<>\x00-\x1f]*[^<>\x00-\x20])\s*<([^<>\s@]+@[^<>\s@]+)>")


class Identity(NamedTuple):
    """A name and a mail address, as git writes them into a commit."""

    name: str
    mail: str


DESK = Identity("release desk", "release-desk@localhost")


def parse_identity(text: str) -> Identity | None:
    """The identity in `Name <mail>`; None for anything else."""
    match = COMMITTER.fullmatch(text.strip())
    return Identity(match[1], match[2]) if match else None
