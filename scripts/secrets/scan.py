# pure
"""`env.scan`: does a bundle carry what must not be public? Every answer that is not no is a finding."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from scripts.config.settings import Allowed
from scripts.secrets import classify, formats
from scripts.secrets.bundle import Part, parts, unreadable
from scripts.secrets.finding import Finding, Severity, in_order
from scripts.secrets.needles import Hidden, Needle, blocks, needles

# A property, as a bundler writes `import.meta.env` out: NAME:"value", quoted or not, escaped or not.
PROPERTY = re.compile(
    rb"(?<![A-Za-z0-9_$.])([A-Za-z0-9_]+)\\?[\"']?\s*:\s*(\\?[\"'`])((?:(?!\2)[^\n]){0,4096}?)\2"
)
WHOLE = re.compile(rb"\bBASE_URL:[\"'`][^\"'`\n]{0,200}[\"'`],\s*(?:DEV|MODE|PROD|SSR)\b")
NEVER = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\..*)?|\.npmrc|\.netrc|\.pgpass|\.git/.*|\.ssh/.*|id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:p12|pfx|jks|keystore)"
    r"|credentials\.json|service[-_]account.*\.json)$"
)
ROLE = b'"role":"service_role"'
LONGEST_JWT = 4096


@dataclass(frozen=True)
class Known:
    """What a scan knows beforehand.

    Args:
        secrets: of all environments, with their `.local` files and what the process has.
        public: the values that a browser may have; they excuse no secret, but pieces of one.
        prefixes: of the names that a bundler publishes.
        own: values by which the bundle of this environment is known, by name; empty: nobody asks.
        others: the same of the others: (environment, name, value).
    """

    secrets: tuple[Hidden, ...] = ()
    public: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ("VITE_",)
    own: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[str, str, str], ...] = ()


def scan(files: Mapping[str, bytes], known: Known) -> tuple[Finding, ...]:
    """Every finding in these files."""
    sought = needles(known.secrets)
    found = [*_wrong_bundle(files, known), *_files(files)]
    for part in parts(files):
        found += _exact(part, sought)
        found += _forms(part)
        found += _properties(part, known.prefixes)
    found += _pieces(files, known)
    return in_order(_told_once(found))


def allowed(findings: Iterable[Finding], allow: Iterable[Allowed], today: str) -> tuple[Finding, ...]:
    """Those that nobody has looked at and excused, by rule and hash, until a day that has not passed."""
    excused = {(each.rule, each.sha256): each for each in allow}
    kept = []
    for finding in findings:
        by = excused.get((finding.rule, finding.digest or ""))
        if by is None:
            kept.append(finding)
        elif by.until < today:
            kept.append(replace(finding, message=f"{finding.message}; its exception ended on {by.until}"))
    return tuple(kept)


def digest(data: bytes) -> str:
    """By what a find is excused: its SHA-256."""
    return hashlib.sha256(data).hexdigest()


def _exact(part: Part, sought: Iterable[Needle]) -> Iterator[Finding]:
    for needle in sought:
        at = part.data.find(needle.data)
        if at >= 0:
            hidden = needle.hidden
            how = needle.how if not part.inside else f"in {part.inside}"
            yield _leak(
                part, at, "LEAK001", f"`{hidden.name}` of {hidden.environment} is in it ({how})",
                hidden.name, digest(hidden.value.encode("utf-8", "surrogateescape")),
            )  # fmt: skip


def _forms(part: Part) -> Iterator[Finding]:
    inside = f" (in {part.inside})" if part.inside else ""
    for each in formats.keys(part.data):
        yield _leak(
            part,
            each.start,
            "LEAK003",
            f"{each.label} is in it{inside}",
            "",
            digest(each.match),
            each.severity,
        )
    for at, text in _split_tokens(part.data):
        yield _leak(
            part, at, "LEAK003", "a key with the role `service_role` is in it, in pieces", "", digest(text)
        )


def _split_tokens(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The claim of the role in base64, where no whole token stands round it."""
    whole = [match.span() for match in formats.JWT.finditer(data)] if b"eyJ" in data else []
    for needle in _ROLES:
        at = data.find(needle)
        if at >= 0 and not any(start <= at < end for start, end in whole):
            yield at, needle


_ROLES = tuple(
    each.data
    for each in needles([Hidden("", "", ROLE.decode())])
    if each.how == "in base64" and len(each.data) > 20
)


def _properties(part: Part, prefixes: Iterable[str]) -> Iterator[Finding]:
    """`import.meta.env` written out: names that are secret, and the sign of the whole object."""
    whole = WHOLE.search(part.data) if b"BASE_URL:" in part.data else None
    if whole:
        yield _leak(
            part, whole.start(), "LEAK007",
            "the whole of `import.meta.env` is in it: each public variable is published",
            "", digest(whole.group()), "warning",
        )  # fmt: skip
    for prefix in prefixes:
        for at in formats.places(part.data, prefix.encode()):
            match = PROPERTY.match(part.data, at)
            if match is None:
                continue
            name, value = match[1].decode(), match[3].decode("utf-8", "replace")
            if classify.is_secret_name(name, prefix) and not classify.SWITCH.fullmatch(value):
                yield _property(part, match.start(1), name, value, prefix)


def _property(part: Part, at: int, name: str, value: str, prefix: str) -> Finding:
    public = classify.is_public_form(value) and not classify.is_strong_name(name, prefix)
    harmless = not value or public or part.file.endswith(".map") or len(value) < 8
    state = "is in it, without a value" if not value else "is in it, with its value"
    severity: Severity = "warning" if harmless else "error"
    return _leak(part, at, "LEAK004", f"`{name}` {state}", name, digest(value.encode()), severity)


def _pieces(files: Mapping[str, bytes], known: Known) -> Iterator[Finding]:
    """A value that was cut in two by a build is still there: half of its blocks, anywhere."""
    public = "\n".join(known.public).encode("utf-8", "surrogateescape")
    for hidden in known.secrets:
        hits, sought = [], blocks(hidden, public)
        for number, piece in enumerate(sought):
            name = next((name for name, data in files.items() if piece in data), None)
            hits += [(name, piece)] if name is not None else []
            if 2 * (len(hits) + len(sought) - number - 1) < len(sought):
                break  # too few are left
        if len(sought) > 1 and 2 * len(hits) >= len(sought):
            name, piece = hits[0]
            yield _leak(
                Part(name, files[name]), files[name].find(piece), "LEAK002",
                f"`{hidden.name}` of {hidden.environment} is in it, in pieces", hidden.name,
                digest(hidden.value.encode("utf-8", "surrogateescape")),
            )  # fmt: skip


def _files(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Files that should not be there, or that nobody can look into."""
    for name in files:
        if NEVER.search(name) and not name.endswith((".example", ".sample", ".template")):
            yield Finding(
                "LEAK008", "error", name, None, "", "such a file is never published",
                "take it out of the folder that the build copies (`public/`), and rotate what stands in it",
                digest=digest(files[name]),
            )  # fmt: skip
    for name in unreadable(files):
        yield Finding(
            "LEAK005", "error", name, None, "", "it is packed in a way that can't be scanned",
            "publish it unpacked beside the packed one, or take it out", digest=digest(files[name]),
        )  # fmt: skip


def _control(message: str, hint: str, name: str = "") -> Finding:
    return Finding("LEAK006", "error", ".", None, name, message, hint)


def _wrong_bundle(files: Mapping[str, bytes], known: Known) -> Iterator[Finding]:
    """A positive control: an empty folder, or another environment's bundle, would be clean too."""
    texts = [data for name, data in files.items() if not name.endswith((".map", ".png", ".jpg", ".woff2"))]
    if not any(name.endswith((".html", ".js", ".mjs", ".cjs", ".css", ".gz")) for name in files):
        hint = "name the folder that the build fills (`app.output`), or the page's address"
        yield _control("there is no page and no script in it: that is no built bundle", hint)
        return
    for environment, name, value in known.others:
        if value not in known.own.values() and any(value.encode() in data for data in texts):
            hint = "build it with the variables of this environment"
            yield _control(f"it holds `{name}` of {environment}: it was built for that", hint, name)
    if known.own and not any(value.encode() in data for value in known.own.values() for data in texts):
        listed = ", ".join(f"`{name}`" for name in known.own)
        hint = "is it the right folder, freshly built? `app.build_variables` names what the app reads"
        yield _control(f"it holds none of {listed}: it was not built for this", hint, next(iter(known.own)))


def _leak(  # noqa: PLR0917 - in the order in which it is told
    part: Part, at: int, rule: str, message: str, name: str, found: str, severity: Severity = "error"
) -> Finding:
    offset = at if part.offset is None else part.offset
    return Finding(rule, severity, part.file, None, name, message, HINTS.get(rule, ""), offset, found)


HINTS = {
    "LEAK001": "keep it on the server, build again, and rotate it: what was published once is known",
    "LEAK002": "keep it on the server, build again, and rotate it: what was published once is known",
    "LEAK003": "keep it on the server, build again, rotate it; no secret: `[[secrets.allow]]`",
    "LEAK004": "rename it without its public prefix, keep it on the server, and rotate it",
    "LEAK007": "read each by its own name: `import.meta.env.NAME`; a dependency may do it too",
}


def _told_once(found: Iterable[Finding]) -> Iterator[Finding]:
    """One place, one finding: by its value before by its form; and a piece only where the whole is not."""
    told = list(found)
    exact = {(each.file, each.digest) for each in told if each.rule == "LEAK001"}
    places = {(each.file, each.offset) for each in told if each.rule == "LEAK001"}
    names = {each.name for each in told if each.rule == "LEAK001"}
    seen: set[tuple[str, str, str | None, str]] = set()
    for each in told:
        again = each.rule == "LEAK003" and (
            (each.file, each.digest) in exact or (each.file, each.offset) in places
        )
        key = (each.rule, each.file, each.digest, each.name)
        if again or (each.rule == "LEAK002" and each.name in names) or key in seen:
            continue
        seen.add(key)
        yield each
