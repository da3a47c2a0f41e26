# pure
"""The rules of `env.check` that compare: with what the environment is, and with its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.secrets import classify
from scripts.secrets.finding import Finding
from scripts.secrets.rules import RESERVED, is_placeholder
from scripts.secrets.variables import Case, Place, Variable, address, is_local, project, token

REF = re.compile(r"[a-z0-9]{20}")
SYNONYMS = (
    ("production", "prod", "live"),
    ("staging", "stage", "preprod"),
    ("development", "dev", "develop"),
)
POOLER = (6543, 6432)
# What an environment may have and another may lack without a word: the desk's own, and what is local.
OPTIONAL = re.compile(
    r"(SLACK|DISCORD)_WEBHOOK_URL|SCRATCH_.*|BACKUP_.*|SENTRY_.*|DEBUG|.*_DEBUG|GITHUB_TOKEN|GH_TOKEN"
    r"|SUPABASE_ACCESS_TOKEN|DATABASE_PASSWORD|REPLIT_MCP_TOKEN|DATABASE_URL|LOAD_.*|E2E_.*|TEST_.*|NODE_ENV"
)


def _optional(name: str) -> bool:
    return bool(OPTIONAL.fullmatch(name) or RESERVED.fullmatch(name))


def uneven(case: Case) -> Iterator[Finding]:
    """ENV004: what another environment has may be forgotten here."""
    asked = {name for name, _ in case.needed} | set(case.written.values)
    having: dict[str, list[str]] = {}
    for place in case.others:
        if not place.written.variables:
            continue
        for name, each in place.written.values.items():
            prefix = case.public.prefix(name)
            misplaced = prefix is not None and classify.is_secret(name, each.value, prefix)
            if name not in asked and not misplaced and not _optional(name):
                having.setdefault(name, []).append(place.written.file)
    for name, files in having.items():
        listed = ", ".join(f"`{file}`" for file in files)
        yield case.found(
            "ENV004", name, f"`{name}` is missing here; {listed} {'has' if len(files) == 1 else 'have'} it",
            f"write it into `{case.written.file}` too, or take it out there; is it a slip of the pen?",
            "warning",
        )  # fmt: skip


def instances(case: Case) -> Iterator[Finding]:
    """ENV009: keys and addresses must all be of the project that this environment is."""
    own = case.place.project(case.public)
    others = {place.project(case.public): place for place in case.others}
    others.pop("", None)
    for each in case.variables:
        claims = token(each)
        theirs = claims.ref if claims else project(each.value)
        if not theirs:
            continue
        main = each.name.removeprefix(case.public.prefix(each.name) or "") == "SUPABASE_URL"
        hint = f"take it from the Supabase project of {case.name}"
        if theirs in others and (main or theirs != own):
            name = others[theirs].environment.name
            yield case.found("ENV009", each, f"`{each.name}` belongs to the instance of {name}", hint)
        elif own and theirs != own and (not claims or (REF.fullmatch(own) and REF.fullmatch(theirs))):
            yield case.found(
                "ENV009", each, f"`{each.name}` belongs to another project than `SUPABASE_URL`", hint
            )
    yield from _databases(case)


def _databases(case: Case) -> Iterator[Finding]:
    """The same database twice, whatever it is called."""
    found = case.written.values.get("DATABASE_URL")
    own = _database(found.value) if found else None
    if not (found and own) or project(found.value):
        return
    for place in case.others:
        if own == _database(place.written.value("DATABASE_URL")):
            name = place.environment.name
            hint = f"give {case.name} a database of its own"
            yield case.found("ENV009", found, f"`DATABASE_URL` is the database of {name}", hint)


def _database(value: str) -> tuple[str, int, str] | None:
    parts = address(value)
    return ((parts.hostname or "").lower(), parts.port or 5432, parts.path) if parts else None


def same_secret(case: Case) -> Iterator[Finding]:
    """ENV010: who gets hold of one environment has the other."""
    local = is_local(address(case.written.value("DATABASE_URL")))
    elsewhere: dict[str, tuple[Place, Variable]] = {}
    for place in case.others:
        for each in case.public.secrets(place.written.values.values()):
            elsewhere.setdefault(each.value, (place, each))
    for each in case.public.secrets(case.variables):
        if each.value not in elsewhere or each.name in case.shared or (local and "DATABASE" in each.name):
            continue
        place, twin = elsewhere[each.value]
        if twin.name in case.shared or not _worth(each):
            continue
        where = f"`{twin.file}`{f', line {twin.line}' if twin.line else ''}"
        yield case.found(
            "ENV010",
            each,
            f"`{each.name}` is the same secret as `{twin.name}` of {place.environment.name} ({where})",
            f"make one for {case.name} alone; where it must be one: `[secrets] shared` in `pipeline.toml`",
        )


def _worth(variable: Variable) -> bool:
    """Addresses without a password are no secret to share; placeholders are told of already."""
    parts = address(variable.value)
    plain = parts and not parts.password and "WEBHOOK" not in variable.name
    return not plain and not is_placeholder(variable.value)


def other_environments(case: Case) -> Iterator[Finding]:
    """ENV011: a name or an address that says another environment."""
    for each in case.variables:
        bare = each.name.removeprefix(case.public.prefix(each.name) or "")
        wrong = _named(case, bare, each.value) or _addressed(case, each)
        if wrong:
            yield case.found("ENV011", each, f"`{each.name}` {wrong}", _should(case, bare))


def _should(case: Case, bare: str) -> str:
    if bare.endswith(("ENVIRONMENT", "_ENV")):
        return (
            f"it should say `{case.name}`"
            if bare != "NODE_ENV"
            else "delete the line: builds are `production`"
        )
    return f"the address of {case.name} is `{case.place.environment.url}`"


def _named(case: Case, bare: str, value: str) -> str:
    said = value.strip().lower()
    if bare == "NODE_ENV":
        wrong = said not in ("production", "") and not case.first
        return "would ship a development build" if wrong else ""
    if not (bare == "ENV" or bare.endswith(("ENVIRONMENT", "APP_ENV", "SITE_ENV", "DEPLOY_ENV", "_STAGE"))):
        return ""
    own = _called(case.place.names)
    if said in own:
        return ""
    for place in case.others:
        if said in _called(place.names):
            return f"says that this is {place.environment.name}"
    known = {word for words in SYNONYMS for word in words}
    return "names no environment of the chain" if bare == "ENVIRONMENT" or said in known else ""


def _called(names: tuple[str, ...]) -> set[str]:
    lowered = {name.lower() for name in names}
    return lowered.union(*(set(words) for words in SYNONYMS if lowered & set(words)))


def _addressed(case: Case, variable: Variable) -> str:
    own, text = _host(case.place.environment.url), variable.value.lower()
    if own and own in text:
        return ""
    for place in case.others:
        host = _host(place.environment.url)
        if (
            host
            and host != own
            and re.search(rf"(?<![a-z0-9.-]){re.escape(host)}(?![a-z0-9.:-]*[a-z0-9])", text)
        ):
            return f"is the address of {place.environment.name}"
    return ""


def _host(url: str) -> str:
    parts = address(url)
    return parts.netloc.lower() if parts else ""


def addresses(case: Case) -> Iterator[Finding]:
    """ENV012: an address that can't work, or that others could read along."""
    hosted = not is_local(address(case.place.environment.url))
    for each in case.variables:
        prefix = case.public.prefix(each.name)
        bare = each.name.removeprefix(prefix or "")
        if not bare.endswith(("_URL", "_URI")):
            continue
        wrong = _database_fault(each.value) if bare == "DATABASE_URL" else ""
        if prefix is not None or bare in ("SUPABASE_URL", "SITE_URL"):
            wrong = wrong or _public_fault(each.value, hosted=hosted and not case.first)
        if wrong:
            yield case.found("ENV012", each, f"`{each.name}` {wrong}", _right(bare))


def _right(bare: str) -> str:
    if bare == "DATABASE_URL":
        return (
            "it looks like `postgresql://postgres@db.<project>.supabase.co:5432/postgres?sslmode=require`"
        )
    return (
        "it looks like `https://<project>.supabase.co`"
        if bare == "SUPABASE_URL"
        else "it begins with `https://`"
    )


def _public_fault(value: str, *, hosted: bool) -> str:
    parts = address(value)
    if value.startswith("/") and not value.startswith("//"):
        return ""  # a path of the page's own host
    if parts is None or " " in value:
        return "is no address"
    if parts.scheme not in ("https", "http", "wss", "ws"):
        return "is no address that a browser can open"
    if is_local(parts):
        return "is an address of the visitor's own machine" if hosted else ""
    return "is not encrypted: it should begin with `https://`" if parts.scheme in ("http", "ws") else ""


def _database_fault(value: str) -> str:
    parts = address(value)
    if parts is None or parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        return "is no address of a PostgreSQL database"
    if parts.port in POOLER:
        return f"goes through the transaction pooler (port {parts.port}), where session locks leak"
    mode = re.search(r"(?:^|&)sslmode=([a-z-]*)", parts.query)
    if mode and mode.group(1) in ("disable", "allow", "prefer") and not is_local(parts):
        return f"allows a connection without TLS (`sslmode={mode.group(1)}`)"
    return ""
