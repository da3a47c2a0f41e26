# pure
"""Values that are secret by name or form, and that everybody has: those of a stack on one's own machine."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from scripts.secrets.formats import parse_token
from scripts.secrets.rules import WORD, is_placeholder

# The keys of every `supabase start`: the issuer of the old ones, and the new one itself.
DEMO: Final = "supabase-demo"
LOCAL_KEY: Final = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1", "host.docker.internal", "kong", "db")
WEAK: Final = re.compile(
    r"(?i)(?:test|demo|dev|local|fake)[-_]?(?:pass(?:word|wd)?|pwd|secret|token|key)?[-_]?\d{0,4}"
)


def is_known_to_all(value: str) -> bool:
    """Whether it opens nothing but what is on the machine that it is used on."""
    token = parse_token(value)
    if value == LOCAL_KEY or (token is not None and token.issuer == DEMO):
        return True
    if is_placeholder(value) or WORD.fullmatch(value) or WEAK.fullmatch(value):
        return True
    try:
        return "://" in value and urlsplit(value).hostname in LOOPBACK
    except ValueError:
        return False
