# pure
"""`env.scan`: does a bundle carry what must not be public? Whatever could not be ruled out is a finding."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, unquote

from scripts.secrets import classify, formats
from scripts.secrets.bundle import Part, unpack, unreadable
from scripts.secrets.finding import Finding, Severity, sort_findings
from scripts.secrets.variables import digest

UTF16 = "in UTF-16"
WHOLE = 12  # characters from which on a value is searched for wherever it may stand
QUOTED = 6  # shorter values only as a quoted text, and only if they are no plain word
PIECE = 12  # characters of the pieces of a value that was cut
CUT = 24  # characters from which on a value is searched for in pieces
# A property, as a bundler writes `import.meta.env` out: NAME:"value", quoted or not, escaped or not.
PROPERTY = re.compile(
    rb"(?<![A-Za-z0-9_$.])([A-Za-z0-9_]+)\\?[\"']?\s*:\s*(\\?[\"'`])((?:(?!\2)[^\n]){0,4096}?)\2"
)
WHOLE_ENV = re.compile(rb"\bBASE_URL:[\"'`][^\"'`\n]{0,200}[\"'`],\s*(?:DEV|MODE|PROD|SSR)\b")
NEVER_PUBLISHED = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\..*)?|\.npmrc|\.netrc|\.pgpass|\.git/.*|\.ssh/.*|id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:p12|pfx|jks|keystore)"
    r"|credentials\.json|service[-_]account.*\.json)$"
)
PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^:/@]*:(.+)@")  # up to the last `@`: a `#` may stand in it
ROLE_CLAIM = '"role":"service_role"'
ROTATE = "keep it on the server, build again, and rotate it: what was published once is known"
HINTS = {
    "LEAK001": ROTATE,
    "LEAK002": ROTATE,
    "LEAK003": "keep it on the server, build again, rotate it; no secret: `[[secrets.allow]]`",
    "LEAK004": "rename it without its public prefix, keep it on the server, and rotate it",
    "LEAK007": "read each by its own name: `import.meta.env.NAME`; a dependency may do it too",
}


@dataclass(frozen=True)
class KnownSecret:
    """A secret that is searched for: whose it is, its name, and its value."""

    environment: str
    name: str
    value: str = field(repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 by which a finding of it can be allowed."""
        return digest(self.value)


@dataclass(frozen=True)
class Needle:
    """One form of a secret; `encoding` names it in the message."""

    secret: KnownSecret
    encoding: str
    data: bytes = field(repr=False)

    @cached_property
    def is_run(self) -> bool:
        """Whether it has only characters of keys: it then stands in a run of them."""
        return formats.RUN.fullmatch(self.data) is not None


@dataclass(frozen=True)
class ScanInputs:
    """What a scan knows beforehand.

    Args:
        secrets: of all environments, with their `.local` files and those of the process environment.
        public: the values that a browser may have; they excuse no secret, but pieces of one.
        prefixes: of the names that a bundler publishes.
        own: public values by which the target's bundle is recognised, by name; empty: that is not checked.
        others: the same of the other environments: (environment, name, value).
    """

    secrets: tuple[KnownSecret, ...] = ()
    public: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ("VITE_",)
    own: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[str, str, str], ...] = ()


def scan(files: Mapping[str, bytes], inputs: ScanInputs) -> tuple[Finding, ...]:
    """Every finding in these files."""
    sought = needles(inputs.secrets)
    findings = [*_wrong_bundle(files, inputs), *_bad_files(files)]
    runs_of: dict[str, bytes] = {}
    for part in unpack(files):
        runs = formats.runs(part.data)
        if not part.inside:
            runs_of[part.file] = runs
        findings += _known_values(part, runs, sought)
        findings += _key_formats(part, runs)
        findings += _properties(part, inputs.prefixes)
    findings += _pieces(files, runs_of, inputs)
    return sort_findings(_deduplicated(findings))


def needles(secrets: Iterable[KnownSecret]) -> tuple[Needle, ...]:
    """Every form that a build may give these secrets, each only once."""
    unique: dict[bytes, Needle] = {}
    for secret in secrets:
        for value in _values(secret.value):
            for encoding, data in _encodings(value):
                unique.setdefault(data, Needle(secret, encoding, data))
    return tuple(unique.values())


def _values(value: str) -> Iterator[str]:
    """The value itself; and the password of an address, as it stands there and decoded."""
    yield value
    password = PASSWORD.match(value)
    if password:
        yield from dict.fromkeys((password[1], unquote(password[1])))


def _encodings(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode("utf-8", "surrogateescape")
    if len(value) < WHOLE:
        if len(value) >= QUOTED and any(c.isdigit() for c in value) and any(c.isalpha() for c in value):
            yield from (("as it is", mark + raw + mark) for mark in (b'"', b"'", b"`", b'\\"'))
        return
    yield "as it is", raw
    escaped = json.dumps(value)[1:-1]
    slashes = (escaped.replace("/", "\\/"), escaped.replace("</", "<\\/"))
    for text in (escaped, *slashes, json.dumps(escaped)[1:-1]):
        yield "escaped", text.encode()
    percent = quote(raw, safe="")
    for text in (percent, quote(raw), percent.lower(), quote(percent, safe="")):
        yield "URL-encoded", text.encode()
    yield from (("in hex", text.encode()) for text in (raw.hex(), raw.hex().upper()))
    yield "reversed", raw[::-1]
    yield from (("in base64", text) for text in _base64(raw))
    yield UTF16, value.encode("utf-16-le", "surrogatepass")


def _base64(raw: bytes) -> Iterator[bytes]:
    """At all three offsets where it may begin, in both alphabets, without the characters at its borders."""
    for lead in range(3):
        padded = base64.b64encode(b"\0" * lead + raw)
        first = (lead * 8 + 5) // 6
        last = (lead + len(raw)) * 8 // 6
        text = padded[first:last]
        yield from (text, text.replace(b"+", b"-").replace(b"/", b"_"))


def _pieces_of(secret: KnownSecret, public: bytes) -> tuple[bytes, ...]:
    """The pieces by which a value is recognised that was cut, without those that public values have too.

    Of a JSON web token only the signature counts: header and claims are shared with public keys.
    """
    value = secret.value
    value = value.rsplit(".", 1)[-1] if value.startswith("eyJ") and value.count(".") == 2 else value
    if len(value) < CUT or "://" in value:
        return ()
    raw = value.encode("utf-8", "surrogateescape")
    pieces = [raw[at : at + PIECE] for at in range(0, len(raw) - PIECE + 1, PIECE)]
    return tuple(piece for piece in dict.fromkeys(pieces) if piece not in public and len(set(piece)) > 4)


def _known_values(part: Part, runs: bytes, sought: Iterable[Needle]) -> Iterator[Finding]:
    """LEAK001: a secret of an environment."""
    wide = b"\0" in part.data
    for needle in sought:
        if needle.data not in runs if needle.is_run else needle.encoding == UTF16 and not wide:
            continue
        at = part.data.find(needle.data)
        if at >= 0:
            secret = needle.secret
            how = needle.encoding if not part.inside else f"in {part.inside}"
            message = f"`{secret.name}` of {secret.environment} is in it ({how})"
            yield _leak(part, at, "LEAK001", message, secret.digest, name=secret.name)


def _key_formats(part: Part, runs: bytes) -> Iterator[Finding]:
    """LEAK003: a key that is known by its format."""
    inside = f" (in {part.inside})" if part.inside else ""
    for key in formats.find_keys(part.data, runs):
        message = f"{key.label} is in it{inside}"
        yield _leak(part, key.start, "LEAK003", message, _sha256(key.match), severity=key.severity)
    tokens = [match.span() for match in formats.JWT.finditer(part.data)] if b"eyJ" in runs else []
    for claim in _ROLE_CLAIMS:  # in base64, where no whole token stands around it
        at = part.data.find(claim) if claim in runs else -1
        if at >= 0 and not any(start <= at < end for start, end in tokens):
            message = "a key with the role `service_role` is in it, in pieces"
            yield _leak(part, at, "LEAK003", message, _sha256(claim))


_ROLE_CLAIMS = tuple(
    needle.data
    for needle in needles([KnownSecret("", "", ROLE_CLAIM)])
    if needle.encoding == "in base64" and len(needle.data) > 20
)


def _properties(part: Part, prefixes: Iterable[str]) -> Iterator[Finding]:
    """LEAK004, LEAK007: `import.meta.env` written out: secret names, and the sign of the whole object."""
    whole = WHOLE_ENV.search(part.data) if b"BASE_URL:" in part.data else None
    if whole:
        message = "the whole of `import.meta.env` is in it: each public variable is published"
        yield _leak(part, whole.start(), "LEAK007", message, _sha256(whole.group()), severity="warning")
    for prefix in prefixes:
        for at in formats.positions(part.data, prefix.encode()):
            match = PROPERTY.match(part.data, at)
            if match is None:
                continue
            name, value = match[1].decode(), match[3].decode("utf-8", "replace")
            if classify.is_secret_name(name, prefix) and not classify.SWITCH.fullmatch(value):
                yield _property(part, match.start(1), name, value, prefix)


def _property(part: Part, at: int, name: str, value: str, prefix: str) -> Finding:
    public_format = classify.is_public_format(value) and not classify.format_of(name, value, prefix)
    is_public = public_format and not classify.is_strong_name(name, prefix)
    harmless = not value or is_public or part.file.endswith(".map") or len(value) < 8
    state = "is in it, without a value" if not value else "is in it, with its value"
    severity: Severity = "warning" if harmless else "error"
    return _leak(
        part, at, "LEAK004", f"`{name}` {state}", _sha256(value.encode()), name=name, severity=severity
    )


def _pieces(
    files: Mapping[str, bytes], runs_of: Mapping[str, bytes], inputs: ScanInputs
) -> Iterator[Finding]:
    """LEAK002: a value that a build cut in two is still there: half of its pieces, anywhere."""
    public = "\n".join(inputs.public).encode("utf-8", "surrogateescape")
    for secret in inputs.secrets:
        sought = _pieces_of(secret, public)
        hits: list[tuple[str, bytes]] = []
        for number, piece in enumerate(sought):
            searched = runs_of if formats.RUN.fullmatch(piece) else files
            file = next((file for file, data in searched.items() if piece in data), None)
            hits += [(file, piece)] if file is not None else []
            if 2 * (len(hits) + len(sought) - number - 1) < len(sought):
                break  # too few are left
        if len(sought) > 1 and 2 * len(hits) >= len(sought):
            file, piece = hits[0]
            message = f"`{secret.name}` of {secret.environment} is in it, in pieces"
            at = files[file].find(piece)
            yield _leak(Part(file, files[file]), at, "LEAK002", message, secret.digest, name=secret.name)


def _bad_files(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """LEAK008, LEAK005: files that should not be there, or that can't be looked into."""
    for name in files:
        if NEVER_PUBLISHED.search(name) and not name.endswith((".example", ".sample", ".template")):
            yield Finding(
                "LEAK008", "error", name, None, "", "such a file is never published",
                "take it out of the folder that the build copies (`public/`), and rotate what stands in it",
                digest=_sha256(files[name]),
            )  # fmt: skip
    for name, has_twin in unreadable(files):
        twin = "; the file that it seems to be made from was scanned" if has_twin else ""
        severity: Severity = "warning" if has_twin else "error"
        yield Finding(
            "LEAK005", severity, name, None, "", f"it is packed in a way that can't be scanned{twin}",
            "publish it unpacked, or take it out", digest=_sha256(files[name]),
        )  # fmt: skip


def _wrong_bundle(files: Mapping[str, bytes], inputs: ScanInputs) -> Iterator[Finding]:
    """LEAK006, a positive control: an empty folder, or another environment's bundle, would be clean too."""
    texts = [data for name, data in files.items() if not name.endswith((".map", ".png", ".jpg", ".woff2"))]
    if not any(name.endswith((".html", ".js", ".mjs", ".cjs", ".css", ".gz")) for name in files):
        hint = "name the folder that the build fills (`app.output`), or the page's address"
        yield _control("there is no page and no script in it: that is no built bundle", hint)
        return
    for environment, name, value in inputs.others:
        if value not in inputs.own.values() and any(value.encode() in data for data in texts):
            hint = "build it with the variables of this environment"
            yield _control(f"it holds `{name}` of {environment}: it was built for that", hint, name)
    if inputs.own and not any(value.encode() in data for value in inputs.own.values() for data in texts):
        listed = ", ".join(f"`{name}`" for name in inputs.own)
        hint = "is it the right folder, freshly built? `app.build_variables` names what the app reads"
        yield _control(
            f"it holds none of {listed}: it was not built for this", hint, next(iter(inputs.own))
        )


def _control(message: str, hint: str, name: str = "") -> Finding:
    return Finding("LEAK006", "error", ".", None, name, message, hint)


def _leak(
    part: Part,
    at: int,
    rule: str,
    message: str,
    sha256: str,
    *,
    name: str = "",
    severity: Severity = "error",
) -> Finding:
    offset = at if part.offset is None else part.offset
    return Finding(rule, severity, part.file, None, name, message, HINTS[rule], offset, sha256)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _deduplicated(findings: list[Finding]) -> Iterator[Finding]:
    """One finding for one place: the known value before its format, and a piece only without the whole."""
    exact = [finding for finding in findings if finding.rule == "LEAK001"]
    digests = {(finding.file, finding.digest) for finding in exact}
    places = {(finding.file, finding.offset) for finding in exact}
    names = {finding.name for finding in exact}
    seen: set[tuple[str, str, str | None, str]] = set()
    for finding in findings:
        same_place = (finding.file, finding.digest) in digests or (finding.file, finding.offset) in places
        again = (finding.rule == "LEAK003" and same_place) or (
            finding.rule == "LEAK002" and finding.name in names
        )
        key = (finding.rule, finding.file, finding.digest, finding.name)
        if not again and key not in seen:
            seen.add(key)
            yield finding
