# pure
"""One finding: which rule, where, about which variable, and how to fix it; it never holds a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from scripts.config.settings import Allowed

Severity = Literal["error", "warning"]

# The rules by their stable ids. `docs/env-rules.md` explains each; a test checks that.
RULES: Final[dict[str, str]] = {
    "ENV001": "a line that not all parsers read alike",
    "ENV002": "the same name twice",
    "ENV003": "a variable that is needed has no value",
    "ENV004": "a name that not all environments have",
    "ENV005": "a placeholder instead of a value",
    "ENV006": "a secret under a public name",
    "ENV007": "a secret value in a public variable",
    "ENV008": "a key of the wrong kind, or expired",
    "ENV009": "another project's instance",
    "ENV010": "the same secret in two environments",
    "ENV011": "another environment's name or address",
    "ENV012": "an address that can't be used, or is not safe",
    "ENV013": "a name that changes how programs run",
    "ENV014": "a secret that can be guessed",
    "ENV015": "a file that others can read",
    "SRC001": "a line that takes the whole of `import.meta.env`",
    "SRC002": "a configuration that reads every variable",
    "LEAK001": "a secret of an environment is in the bundle",
    "LEAK002": "a secret of an environment is in the bundle in pieces",
    "LEAK003": "a key, known by its form, is in the bundle",
    "LEAK004": "a variable that is secret by its name is in the bundle",
    "LEAK005": "a file that can't be scanned",
    "LEAK006": "not the bundle that it should be",
    "LEAK007": "the whole of `import.meta.env` is in the bundle",
    "LEAK008": "a file that is never published",
    "LEAK009": "a canary is in the bundle",
}


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Args:
        file: a file's name, or `process environment`.
        line: counted from 1; None where there is no line.
        name: the variable; "" where the finding is about none.
        hint: how to fix it, ready to paste where possible.
        offset: bytes from the beginning of the file, for what was found in a bundle.
        digest: SHA-256 of what was found, for `[[secrets.allow]]`; None for what can't be allowed.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None
    name: str
    message: str
    hint: str = ""
    offset: int | None = None
    digest: str | None = None

    def __str__(self) -> str:
        where = self.file
        if self.line is not None:
            where += f":{self.line}"
        elif self.offset is not None:
            where += f" (byte {self.offset})"
        return f"{self.rule} {self.severity}: {where}: {self.message}"

    def document(self) -> dict[str, Any]:
        """The finding as it stands in the JSON document."""
        return dict(vars(self))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that stop a release."""
    return tuple(finding for finding in findings if finding.severity == "error")


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each once: errors first, then by file and line."""

    def place(finding: Finding) -> tuple[Any, ...]:
        lines = (finding.line or 0, finding.offset or 0)
        return (finding.severity != "error", finding.file, *lines, finding.rule, finding.name)

    return tuple(sorted(dict.fromkeys(findings), key=place))


def without_allowed(
    findings: Iterable[Finding], allow: Iterable[Allowed], today: str
) -> tuple[Finding, ...]:
    """The findings that no exception covers, by rule and digest. An exception ends with its day."""
    exceptions = {(exception.rule, exception.sha256): exception for exception in allow}
    kept = []
    for finding in findings:
        exception = exceptions.get((finding.rule, finding.digest or ""))
        if exception is None:
            kept.append(finding)
        elif exception.until < today:
            ended = f"{finding.message}; its exception ended on {exception.until}"
            kept.append(replace(finding, message=ended))
    return tuple(kept)
