# pure
"""The rules of `env.check` that look at one environment, and those for the source lines of a build."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from scripts.config.variables import TO_WRITE, name_in_ci
from scripts.secrets import classify, formats
from scripts.secrets.finding import Finding, Severity
from scripts.secrets.variables import (
    CheckedEnvironment,
    Variable,
    digest,
    is_local,
    parse_address,
    secrets_among,
)

PLACEHOLDER = re.compile(
    r"""(?ix) (?<![a-z0-9]) (?: change[-_ ]?(?:me|this|it)
    | replace[-_ ]?(?:me|this|with\w*) | to[-_ ]?do | fix[-_ ]?me
    | placeholder | dummy | your[-_ ][a-z0-9_ -]*(?:key|token|secret|password|url|here|ref|id|project|value)
    | my[-_ ][a-z0-9_-]*(?:key|token|secret|password) | insert[-_ ] | fill[-_ ]?(?:me|in) | x{4,}
    | (?:key|token|secret|password|value|url)[-_ ]here | tbd | \*{3,} ) (?![a-z0-9])
    | ^<.*>$ | \.\.\.$ | ^\[[a-z _-]+\]$ | ^\{\{.*\}\}$ | ^undefined$"""
)
# Words that are no secret where one should stand.
WORD = re.compile(
    r"(?i)x{3,}|example|sample|secret|password|token|key|api[-_]?key|foo|bar|test|none|null|nan|(.)\1*"
)
# The team's own way: `prod_openai_key`. It has no digit, and every generated secret has one.
NAMED = re.compile(
    r"(?i)(?:prod|production|staging|stage|dev|development|test|local)(?:[_-][a-z]+)*[_-](?:key|token|secret|password|pass)"
)
RESERVED = re.compile(
    r"NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|BASH_ENV|BASHOPTS|SHELLOPTS|ENV|SHELL|IFS|PS4"
    r"|PATH|HOME|PROMPT_COMMAND|CDPATH|GLOBIGNORE|EDITOR|VISUAL|PAGER|BROWSER|PERL5(LIB|OPT|DB)|PERLLIB|RUBY(OPT|LIB)"
    r"|PYTHON[A-Z]+|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|(?i:npm_config_.*)|(?i:(https?|all|no)_proxy)|LD_.*"
    r"|DYLD_.*|GIT_.*|SSH_.*|INVOKE_.*|SSL_CERT_(FILE|DIR)|CURL_.*|SUPABASE_YES|AIRHOST_ENV_DIR|PGSERVICEFILE|PGSSL.*|TMPDIR"
)
REF = re.compile(r"[a-z0-9]{20}")  # of a hosted Supabase project
SHORTEST = 12  # characters of a secret that nobody can guess
SOON = 30 * 86_400  # seconds before a key expires in which there is a warning

# What git is asked for, as extended regular expressions; `source_findings` looks closer.
SOURCE_PATTERNS = (r"import\.meta\.env", r"loadEnv\(")
SOURCE_SUFFIXES = ("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", "astro")
WHOLE_ENV = re.compile(r"import\.meta\.env(?!\??\.\w|\w)")
DESTRUCTURED = re.compile(
    r"(?:const|let|var)\s*\{[^}.]*\}\s*=\s*import\.meta\.env\s*;?\s*$"
)  # no `...rest`
EVERY_NAME = re.compile(r"""loadEnv\(.*,\s*(?:''|""|``)\s*\)""")
COMMENT = re.compile(r"\s*(?://|/?\*|<!--)")


def lines(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV001: Vite, bash, python-dotenv and the Supabase CLI must read the same value."""
    file = checked.file.file
    for cause in checked.file.causes:
        hint = cause.hint.format(file=file)
        yield Finding("ENV001", "error", file, cause.line, "", f"the file {cause.what}", hint)
    for number, why in checked.file.faults:
        yield Finding("ENV001", "error", file, number, "", why, TO_WRITE)


def twice(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV002: the last one wins, silently."""
    first: dict[str, Variable] = {}
    for variable in checked.file.variables:
        before = first.setdefault(variable.name, variable)
        if before is not variable and variable.file == before.file and variable.line is not None:
            yield checked.finding(
                "ENV002", variable,
                f"`{variable.name}` stands on line {before.line} already; the last one wins",
                f"delete one of the two lines from `{variable.file}`",
            )  # fmt: skip


def missing(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV003: what a release can't do without, and secrets that were left empty."""
    effective = checked.file.effective
    for name, why in checked.needed:
        if not checked.file.value(name):
            about = effective.get(name, name)
            state = "is missing" if about is name else "is empty"
            ci = name_in_ci(checked.own.environment.name, name)
            hint = f'write {name}="..." into `{checked.file.file}`, or set `{ci}` in CI'
            yield checked.finding("ENV003", about, f"`{name}` {state}: {why}", hint)
    needed = {name for name, _ in checked.needed}
    for variable in effective.values():
        blank = not variable.value.strip() and variable.name not in needed
        if blank and _has_secret_name(checked, variable):
            yield checked.finding(
                "ENV003", variable, f"`{variable.name}` is empty", "fill it in, or delete the line"
            )


def placeholders(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV005: a value that only stood in for one."""
    for variable in checked.variables:
        word = _has_secret_name(checked, variable) and WORD.fullmatch(variable.value)
        if word or is_placeholder(variable.value):
            yield checked.finding(
                "ENV005", variable, f"`{variable.name}` still has a placeholder",
                f"put the value of {checked.name} there",
            )  # fmt: skip


def is_placeholder(value: str) -> bool:
    """Whether the value is one that people write before they have the real one."""
    return bool(PLACEHOLDER.search(value) or NAMED.fullmatch(value))


def _has_secret_name(checked: CheckedEnvironment, variable: Variable) -> bool:
    return classify.is_secret_name(variable.name, checked.public.prefix(variable.name) or "")


def public_names(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV006: a bundler may inline every variable with a public prefix, referenced or not."""
    for variable in checked.file.effective.values():
        prefix = checked.public.prefix(variable.name)
        if prefix is not None and _is_misnamed(checked, variable, prefix):
            found = checked.finding(
                "ENV006", variable,
                f"`{variable.name}` is a secret under a public name: {_why_public(prefix)}",
                _way_out(variable.name, prefix),
            )  # fmt: skip
            yield replace(found, digest=digest(variable.value) or None)


def _is_misnamed(checked: CheckedEnvironment, variable: Variable, prefix: str) -> bool:
    """Whether a public name says that the value is a secret; of an example the name alone counts."""
    if checked.file.kind == "example" or not variable.value:
        return classify.is_secret_name(variable.name, prefix)
    return classify.is_secret_name(variable.name, prefix) and classify.is_secret(
        variable.name, variable.value, prefix
    )


def _why_public(prefix: str) -> str:
    if not prefix:
        return "`app.build_variables` hands it to the build"
    return f"the build may put every `{prefix}` variable into the page, also one that no line refers to"


def _way_out(name: str, prefix: str) -> str:
    """Rename, set it where the server reads it, rotate: the old value counts as leaked."""
    bare = name.removeprefix(prefix)
    if not prefix:
        return f"take `{name}` out of `app.build_variables`, and rotate it: it may have been published"
    if bare.upper().startswith("SUPABASE_"):
        return (
            f"rename it to `{bare}` and use it on the server alone: Edge Functions have it unasked"
            " (`supabase secrets set` skips names that begin with `SUPABASE_`); then rotate the key in"
            " the Supabase dashboard, as one that has leaked"
        )
    return (
        f"rename it to `{bare}`, give it to the server alone: `supabase secrets set --env-file FILE` with a"
        f" FILE (mode 0600) that holds `{bare}`, let the browser call an Edge Function, then rotate the key"
        " at its vendor, as one that has leaked"
    )


def public_values(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV007: a public variable with a secret value: by its format, or because a secret has the same."""
    server_secrets = {
        secret.value: secret
        for configured in (checked.own, *checked.others)
        for secret in secrets_among(configured.file.effective.values(), checked.public)
        if checked.public.prefix(secret.name) is None and len(secret.value) >= 6
    }
    for variable, prefix in checked.public_variables():
        if _is_misnamed(checked, variable, prefix):
            continue  # ENV006 says it already
        value = variable.value
        what = classify.format_of(variable.name, value, prefix)
        if what is None and value in server_secrets and not classify.is_public_format(value):
            what = f"the value of `{server_secrets[value].name}`"
        if what is None and (parts := parse_address(value)) and parts.password:
            what = "an address with a password"
        if what:
            supabase = "role" in what or "Supabase" in what
            fix = "put the public key there (the role `anon`, or `sb_publishable_`)"
            found = checked.finding(
                "ENV007", variable, f"`{variable.name}` is public and holds {what}",
                f"{fix if supabase else _way_out(variable.name, prefix)}; rotate the leaked one",
            )  # fmt: skip
            yield replace(found, digest=digest(value))


def key_kinds(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV008: the two Supabase keys are easily exchanged, and keys expire."""
    for variable in checked.variables:
        fault = _key_fault(checked, variable)
        if fault:
            yield checked.finding(
                "ENV008", variable, f"`{variable.name}` {fault}",
                "copy it again: Supabase dashboard, Settings, API keys",
            )  # fmt: skip
            continue
        token = variable.token
        if token and _names_no_project(checked, variable):
            yield checked.finding(
                "ENV008", variable,
                f"the key in `{variable.name}` names no project: is it one of a Supabase on your machine?",
                "copy it again: Supabase dashboard, Settings, API keys",
                "error" if token.issuer == "supabase-demo" else "warning",
            )  # fmt: skip
        if token and token.exp is not None and token.exp < checked.now + SOON:
            expired = token.exp < checked.now
            day = f"{datetime.fromtimestamp(max(0, min(token.exp, 2**31)), UTC):%Y-%m-%d}"
            yield checked.finding(
                "ENV008", variable,
                f"the key in `{variable.name}` {'expired' if expired else 'expires'} on {day}",
                "make a new one in the Supabase dashboard", "error" if expired else "warning",
            )  # fmt: skip


def _key_fault(checked: CheckedEnvironment, variable: Variable) -> str:
    value, kind, token = variable.value, checked.key_kind(variable), variable.token
    if value.startswith("eyJ") and kind and token is None:
        return "is no whole key: it was cut when it was copied"
    if kind == "secret" and (
        value.startswith("sb_publishable_") or (token and token.role in formats.PUBLIC_ROLES)
    ):
        return "holds the public key: the server would be treated as a visitor"
    if kind == "public" and checked.public.prefix(variable.name) is None and formats.secret_format(value):
        return "holds a secret key under the name of the public one"
    if kind == "secret" and token and token.role != "service_role":
        return "holds a key of another role"
    return ""


def _names_no_project(checked: CheckedEnvironment, variable: Variable) -> bool:
    """A hosted project's keys name it; the known keys of `supabase start` are of no project."""
    token = variable.token
    own = checked.own.project(checked.public)
    return bool(checked.key_kind(variable) and token and not token.ref and REF.fullmatch(own))


def reserved(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV013: such a name makes programs run other code, or talk to another server."""
    for variable in checked.file.effective.values():
        if variable.line is not None and RESERVED.fullmatch(variable.name):
            yield checked.finding(
                "ENV013", variable, f"`{variable.name}` changes how programs run that are given it",
                f"delete the line from `{variable.file}`",
            )  # fmt: skip


def weak(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV014: too short or too uniform. The database of one's own machine may have a simple password."""
    local = is_local(parse_address(checked.file.value("DATABASE_URL")))
    for secret in checked.secrets:
        value = secret.value
        reported = is_placeholder(value) or WORD.fullmatch(value)
        if reported or parse_address(value) or (local and "DATABASE" in secret.name):
            continue
        if len(value) < SHORTEST or len(set(value)) < 5 or value.lower() == secret.name.lower():
            yield checked.finding(
                "ENV014", secret,
                f"`{secret.name}` can be guessed: {SHORTEST} characters or more make a secret",
                "make a new one: `openssl rand -base64 32 | tr -d =`, and set it where it is checked too",
            )  # fmt: skip


def exposed(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV015: whoever can read the file has the environment."""
    for why, hint in checked.file.exposed:
        severity: Severity = "warning" if "mode" in why else "error"
        yield Finding("ENV015", severity, checked.file.file, None, "", why, hint)


def example_values(checked: CheckedEnvironment) -> Iterator[Finding]:
    """ENV015 for examples: they are committed, so everybody has what looks like a real key."""
    for variable in checked.variables:
        what = formats.secret_format(variable.value)
        if what:
            yield checked.finding(
                "ENV015", variable, f"`{variable.name}` in a committed example holds {what}",
                "put a placeholder there, and rotate the key: git remembers it",
            )  # fmt: skip


def source_findings(source: Iterable[tuple[str, int, str]]) -> Iterator[Finding]:
    """SRC001, SRC002: source lines by which a build may publish more than they ask for.

    Measured for Vite 5, 7 and 8.

    Args:
        source: (file, number from 1, text) each; comments and type declarations are skipped.
    """
    for file, number, text in source:
        if COMMENT.match(text) or file.endswith((".d.ts", ".d.mts")):
            continue
        if WHOLE_ENV.search(text) and not DESTRUCTURED.search(text):
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
