"""Which variables hold something to hide, by their names and by what their values look like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

MARKS = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK_URL|ACCESS_CODE")
# every browser has these; a path, a folder or an id is no secret, and masking it would garble our words
OPEN = re.compile(r"(ANON_KEY|PUBLISHABLE_KEY|PUBLIC_KEY|_PATH|_DIR|_FILE|_ID|_SOCK|_LAYOUT)$|KEYBOARD")
URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*?:([^/\s]*)@")


def hidden(variables: Mapping[str, str]) -> Iterator[str]:
    """Every value that must not be seen: of a secret's name, or the password inside an address."""
    for name, value in variables.items():
        if MARKS.search(name.upper()) and not OPEN.search(name.upper()):
            yield value
        for inside in URL_PASSWORD.findall(value):
            yield from {inside, unquote(inside)}
