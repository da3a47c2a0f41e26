# pure
"""Source lines by which a build may publish more than they ask for; measured for Vite 5, 7 and 8."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from scripts.secrets.finding import Finding

# What git is asked for (extended regular expressions); `findings` looks closer.
ASKED = (r"import\.meta\.env", r"loadEnv\(")
SUFFIXES = ("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", "astro")

WHOLE = re.compile(r"import\.meta\.env(?!\??\.\w|\w)")
TAKEN_APART = re.compile(r"(?:const|let|var)\s*\{[^}.]*\}\s*=\s*import\.meta\.env\s*;?\s*$")  # no `...rest`
EVERY_NAME = re.compile(r"""loadEnv\(.*,\s*(?:''|""|``)\s*\)""")
COMMENT = re.compile(r"\s*(?://|/?\*|<!--)")

Line = tuple[str, int, str]


def findings(lines: Iterable[Line]) -> Iterator[Finding]:
    """The warnings about these lines, each (file, number, text); comments and types are left out."""
    for file, number, text in lines:
        if COMMENT.match(text) or file.endswith((".d.ts", ".d.mts")):
            continue
        if WHOLE.search(text) and not TAKEN_APART.search(text):
            yield Finding(
                "SRC001", "warning", file, number, "",
                "takes `import.meta.env` as a whole: the build may publish every public variable,"
                " also those that nothing reads",
                "read each by its own name: `import.meta.env.VITE_NAME`",
            )  # fmt: skip
        if EVERY_NAME.search(text):
            yield Finding(
                "SRC002", "warning", file, number, "",
                "`loadEnv` with an empty prefix reads the whole environment of the machine that builds:"
                " what reaches `define` is published",
                "give it the prefixes that the build needs: `loadEnv(mode, process.cwd(), 'VITE_')`",
            )  # fmt: skip
