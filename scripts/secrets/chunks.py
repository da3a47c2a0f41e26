# pure
"""The files that a script may load later: paths that it names, and names that a bundler puts together."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST = 1_000  # names of one script that are put together
PATH = re.compile(
    rb"[\"'`(]((?:\.{0,2}/)?[A-Za-z0-9_@./~-]{1,200}\.(?:[mc]?js|css|json|wasm|map|html))[\"'`)?]"
)
SOURCE_MAP = re.compile(rb"[#@]\s*sourceMappingURL=([^\s*\"']{1,400})")
# webpack and its kin: "static/js/" + e + "." + {12:"ab12cd34",...}[e] + ".chunk.js", the part before the
# hash perhaps by a table of names as well: ({12:"listing"}[e]||e)
TABLE = (
    rb"\{((?:\s*[\"']?[\w~./-]{1,80}[\"']?\s*:\s*[\"'][\w~./-]{1,80}[\"']\s*,?){1,1000})\}\s*\[\s*\w+\s*\]"
)
COMPUTED = re.compile(
    rb"[\"']([\w./@~-]{0,120})[\"']\s*\+\s*\(?(?:" + TABLE + rb"(?:\s*\|\|\s*\w+)?|\w+)\)?\s*"
    rb"\+\s*[\"']([._-])[\"']\s*\+\s*" + TABLE + rb"\s*\+\s*[\"']([\w.-]{0,40}\.(?:[mc]?js|css))[\"']"
)
PAIR = re.compile(rb"[\"']?([\w~./-]{1,80})[\"']?\s*:\s*[\"']([\w~./-]{1,80})[\"']")
NEXT = b"static/chunks/"  # Next.js names them so, and serves them below `/_next/`


def paths(script: bytes) -> Iterator[bytes]:
    """What it refers to, as it stands there: relative to itself, or to the page."""
    for match in PATH.finditer(script):
        yield match[1]
        if match[1].startswith(NEXT):
            yield b"/_next/" + match[1]
    if b"]+" in script or b"] +" in script:
        yield from _computed(script)


def source_maps(script: bytes) -> Iterator[bytes]:
    """The maps that it names, without those that stand in it."""
    for match in SOURCE_MAP.finditer(script):
        if not match[1].startswith(b"data:"):
            yield match[1]


def _computed(script: bytes) -> Iterator[bytes]:
    for match in COMPUTED.finditer(script):
        folder, names, mark, hashes, ending = match.groups()
        named = dict(PAIR.findall(names)) if names else {}
        for chunk, digest in PAIR.findall(hashes)[:MOST]:
            yield folder + named.get(chunk, chunk) + mark + digest + ending
