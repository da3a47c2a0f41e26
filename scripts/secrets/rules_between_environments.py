# pure
"""The rules of `env.check` that compare: with what the environment is, and with the others of the chain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.config import variables as desk_variables
from scripts.config.addresses import password_fault
from scripts.secrets import classify
from scripts.secrets.finding import Finding
from scripts.secrets.rules import REF, RESERVED, is_placeholder
from scripts.secrets.variables import (
    CheckedEnvironment,
    Configured,
    Variable,
    is_local,
    parse_address,
    project_of,
    secrets_among,
)

SYNONYMS = (
    ("production", "prod", "live"),
    ("staging", "stage", "preprod"),
    ("development", "dev", "develop"),
)
POOLER_PORTS = (6543, 6432)
# What an environment may lack though another has it, beside the desk's own variables: what is local.
OPTIONAL = re.compile(r"SENTRY_.*|DEBUG|.*_DEBUG|E2E_.*|TEST_.*|NODE_ENV")


def uneven(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV004: what another environment has may be forgotten here."""
    expected = {name for name, _ in checked.needed} | set(checked.file.effective)
    owners: dict[str, list[str]] = {}
    for other in checked.others:
        for name, variable in other.file.effective.items():
            prefix = checked.public.prefix(name)
            misplaced = prefix is not None and classify.is_secret(name, variable.value, prefix)
            if name not in expected and not misplaced and not _is_optional(name):
                owners.setdefault(name, []).append(other.file.file)
    for name, files in owners.items():
        listed = ", ".join(f"`{file}`" for file in files)
        yield checked.finding(
            "ENV004", name, f"`{name}` is missing here; {listed} {'has' if len(files) == 1 else 'have'} it",
            f"add it to `{checked.file.file}` too, or delete it there; is one of the names misspelt?",
            "warning",
        )  # fmt: skip


def _is_optional(name: str) -> bool:
    own = name in desk_variables.NAMES or desk_variables.OWN_PREFIXES.fullmatch(name)
    return bool(own or OPTIONAL.fullmatch(name) or RESERVED.fullmatch(name))


def instances(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV009: keys and addresses must all be of the project that this environment is."""
    own = checked.own.project(checked.public)
    others = {other.project(checked.public): other for other in checked.others}
    others.pop("", None)
    for variable in checked.variables:
        token = variable.token
        project = token.ref if token else project_of(variable.value)
        if not project:
            continue
        is_main = checked.bare(variable) == "SUPABASE_URL"
        if project in others and (is_main or project != own):
            name = others[project].environment.name
            message = f"`{variable.name}` belongs to the instance of {name}"
        elif own and project != own and (not token or (REF.fullmatch(own) and REF.fullmatch(project))):
            message = f"`{variable.name}` belongs to another project than `SUPABASE_URL`"
        else:
            continue
        yield checked.finding(
            "ENV009", variable, message, f"take it from the Supabase project of {checked.name}"
        )
    yield from _shared_database(checked)


def _shared_database(checked: CheckedEnvironment) -> Iterator[Finding]:
    """The same database twice, whatever it is called."""
    variable = checked.file.effective.get("DATABASE_URL")
    own = _database(variable.value) if variable else None
    if not (variable and own) or project_of(variable.value):
        return
    for other in checked.others:
        if own == _database(other.file.value("DATABASE_URL")):
            message = f"`DATABASE_URL` is the database of {other.environment.name}"
            yield checked.finding("ENV009", variable, message, f"give {checked.name} a database of its own")


def _database(value: str) -> tuple[str, int, str] | None:
    parts = parse_address(value)
    return ((parts.hostname or "").lower(), parts.port or 5432, parts.path) if parts else None


def same_secret(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV010: whoever gets hold of one environment has the other."""
    local = is_local(parse_address(checked.file.value("DATABASE_URL")))
    elsewhere: dict[str, tuple[Configured, Variable]] = {}
    for other in checked.others:
        for secret in secrets_among(other.file.effective.values(), checked.public):
            elsewhere.setdefault(secret.value, (other, secret))
    for secret in checked.secrets:
        local_database = local and "DATABASE" in secret.name
        if secret.value not in elsewhere or secret.name in checked.shared or local_database:
            continue
        other, twin = elsewhere[secret.value]
        if twin.name in checked.shared or not _is_real_secret(secret):
            continue
        where = f"`{twin.file}`{f', line {twin.line}' if twin.line else ''}"
        yield checked.finding(
            "ENV010", secret,
            f"`{secret.name}` is the same secret as `{twin.name}` of {other.environment.name} ({where})",
            f"make one for {checked.name} alone; if it must be one: `[secrets] shared` in `pipeline.toml`",
        )  # fmt: skip


def _is_real_secret(variable: Variable) -> bool:
    """No address without a password, and no placeholder, which ENV005 reports."""
    parts = parse_address(variable.value)
    harmless = parts and not parts.password and "WEBHOOK" not in variable.name
    return not harmless and not is_placeholder(variable.value)


def other_environments(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV011: a name or an address of another environment."""
    for variable in checked.variables:
        bare = checked.bare(variable)
        fault = _name_fault(checked, bare, variable.value) or _address_of_another(checked, variable)
        if fault:
            yield checked.finding(
                "ENV011", variable, f"`{variable.name}` {fault}", _expected(checked, bare)
            )


def _expected(checked: CheckedEnvironment, bare: str) -> str:
    if bare == "NODE_ENV":
        return "delete the line: builds are `production`"
    if bare.endswith(("ENVIRONMENT", "_ENV")):
        return f"it should say `{checked.name}`"
    return f"the address of {checked.name} is `{checked.own.environment.url}`"


def _name_fault(checked: CheckedEnvironment, bare: str, value: str) -> str:
    name = value.strip().lower()
    if bare == "NODE_ENV":
        wrong = name not in ("production", "") and not checked.first
        return "would ship a development build" if wrong else ""
    if not (bare == "ENV" or bare.endswith(("ENVIRONMENT", "APP_ENV", "SITE_ENV", "DEPLOY_ENV", "_STAGE"))):
        return ""
    if name in _synonyms(checked.own.names):
        return ""
    for other in checked.others:
        if name in _synonyms(other.names):
            return f"says that this is {other.environment.name}"
    usual = {word for words in SYNONYMS for word in words}
    return "names no environment of the chain" if bare == "ENVIRONMENT" or name in usual else ""


def _synonyms(names: tuple[str, ...]) -> set[str]:
    lowered = {name.lower() for name in names}
    return lowered.union(*(set(words) for words in SYNONYMS if lowered & set(words)))


def _address_of_another(checked: CheckedEnvironment, variable: Variable) -> str:
    own, text = _host(checked.own.environment.url), variable.value.lower()
    if own and own in text:
        return ""
    for other in checked.others:
        host = _host(other.environment.url)
        whole_host = rf"(?<![a-z0-9.-]){re.escape(host)}(?![a-z0-9.:-]*[a-z0-9])"
        if host and host != own and re.search(whole_host, text):
            return f"is the address of {other.environment.name}"
    return ""


def _host(url: str) -> str:
    parts = parse_address(url)
    return parts.netloc.lower() if parts else ""


def addresses(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV012: an address that can't work, or that travels unencrypted."""
    hosted = not is_local(parse_address(checked.own.environment.url))
    for variable in checked.variables:
        prefix, bare = checked.public.prefix(variable.name), checked.bare(variable)
        if not bare.endswith(("_URL", "_URI")):
            continue
        fault = _database_fault(variable.value) if bare == "DATABASE_URL" else ""
        if prefix is not None or bare in ("SUPABASE_URL", "SITE_URL"):
            fault = fault or _public_address_fault(variable.value, hosted=hosted and not checked.first)
        encoding = password_fault(variable.value) if bare == "DATABASE_URL" else None
        if encoding:
            why, hint = encoding
            yield checked.finding("ENV012", variable, f"`{variable.name}` can't be read: {why}", hint)
        elif fault:
            yield checked.finding("ENV012", variable, f"`{variable.name}` {fault}", _address_form(bare))


def _address_form(bare: str) -> str:
    if bare == "DATABASE_URL":
        form = "postgresql://postgres@db.<project>.supabase.co:5432/postgres?sslmode=require"
        return f"it looks like `{form}`"
    if bare == "SUPABASE_URL":
        return "it looks like `https://<project>.supabase.co`"
    return "it begins with `https://`"


def _public_address_fault(value: str, *, hosted: bool) -> str:
    parts = parse_address(value)
    if value.startswith("/") and not value.startswith("//"):
        return ""  # a path on the page's own host
    if parts is None or " " in value:
        return "is no address"
    if parts.scheme not in ("https", "http", "wss", "ws"):
        return "is no address that a browser can open"
    if is_local(parts):
        return "is an address of the visitor's own machine" if hosted else ""
    return "is not encrypted: it should begin with `https://`" if parts.scheme in ("http", "ws") else ""


def _database_fault(value: str) -> str:
    parts = parse_address(value)
    if parts is None or parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        return "is no address of a PostgreSQL database"
    if parts.port in POOLER_PORTS:
        return f"goes through the transaction pooler (port {parts.port}), where session locks leak"
    mode = re.search(r"(?:^|&)sslmode=([a-z-]*)", parts.query)
    if mode and mode.group(1) in ("disable", "allow", "prefer") and not is_local(parts):
        return f"allows a connection without TLS (`sslmode={mode.group(1)}`)"
    return ""
