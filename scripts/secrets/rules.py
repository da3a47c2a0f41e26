# pure
"""The rules of `env.check` that look at one environment; each line is judged by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from scripts.secrets import classify, formats
from scripts.secrets.finding import Finding, Severity
from scripts.secrets.variables import Case, Variable, address, is_local, token

PLACEHOLDER = re.compile(
    r"""(?ix) (?<![a-z0-9]) (?: change[-_ ]?(?:me|this|it)
    | replace[-_ ]?(?:me|this|with\w*) | to[-_ ]?do | fix[-_ ]?me
    | placeholder | dummy | your[-_ ][a-z0-9_ -]*(?:key|token|secret|password|url|here|ref|id|project|value)
    | my[-_ ][a-z0-9_-]*(?:key|token|secret|password) | insert[-_ ] | fill[-_ ]?(?:me|in) | x{4,}
    | (?:key|token|secret|password|value|url)[-_ ]here | tbd | \*{3,} ) (?![a-z0-9])
    | ^<.*>$ | \.\.\.$ | ^\[[a-z _-]+\]$ | ^\{\{.*\}\}$ | ^undefined$"""
)
# where a secret should stand
WORD = re.compile(
    r"(?i)x{3,}|example|sample|secret|password|token|key|api[-_]?key|foo|bar|test|none|null|nan|(.)\1*"
)
# the team's own way: `prod_openai_key`; words alone, no digit, as no generated secret is
NAMED = re.compile(
    r"(?i)(?:prod|production|staging|stage|dev|development|test|local)(?:[_-][a-z]+)*[_-](?:key|token|secret|password|pass)"
)
RESERVED = re.compile(
    r"NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|BASH_ENV|BASHOPTS|SHELLOPTS|ENV|SHELL|IFS|PS4"
    r"|PATH|HOME|PROMPT_COMMAND|CDPATH|GLOBIGNORE|EDITOR|VISUAL|PAGER|BROWSER|PERL5(LIB|OPT|DB)|PERLLIB|RUBY(OPT|LIB)"
    r"|PYTHON[A-Z]+|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|(?i:npm_config_.*)|(?i:(https?|all|no)_proxy)|LD_.*"
    r"|DYLD_.*|GIT_.*|SSH_.*|INVOKE_.*|SSL_CERT_(FILE|DIR)|CURL_.*|SUPABASE_YES|AIRHOST_ENV_DIR|PGSERVICEFILE|PGSSL.*|TMPDIR"
)
SHORTEST = 12  # characters of a secret that nobody guesses
SOON = 30 * 86_400  # seconds before its end at which a key is warned of


def lines(case: Case) -> Iterator[Finding]:
    """ENV001: Vite, bash, python-dotenv and the Supabase CLI must read the same value."""
    for number in case.written.faults:
        yield Finding(
            "ENV001", "error", case.written.file, number, "",
            "not a line that all parsers read alike",
            'write NAME="value" without `\\`, `$`, backticks, tabs or quotes in the value,'
            " and end lines with a line feed alone",
        )  # fmt: skip


def twice(case: Case) -> Iterator[Finding]:
    """ENV002: the last one wins, silently."""
    first: dict[str, Variable] = {}
    for each in case.written.variables:
        if each.name in first and each.file == first[each.name].file and each.line is not None:
            yield case.found(
                "ENV002", each,
                f"`{each.name}` stands on line {first[each.name].line} already; the last one wins",
                f"delete one of the two lines from `{each.file}`",
            )  # fmt: skip
        first.setdefault(each.name, each)


def missing(case: Case) -> Iterator[Finding]:
    """ENV003: what a release can't do without, and secrets that were left empty."""
    for name, why in case.needed:
        if not case.written.value(name):
            about = case.written.values.get(name, name)
            state = "is empty" if isinstance(about, Variable) else "is missing"
            hint = f'write {name}="..." into `{case.written.file}`, or set it in CI'
            yield case.found("ENV003", about, f"`{name}` {state}: {why}", hint)
    asked = {name for name, _ in case.needed}
    for each in case.written.values.values():
        prefix = case.public.prefix(each.name) or ""
        if not each.value.strip() and each.name not in asked and classify.is_secret_name(each.name, prefix):
            yield case.found("ENV003", each, f"`{each.name}` is empty", "fill it in, or delete the line")


def placeholders(case: Case) -> Iterator[Finding]:
    """ENV005: a value that only stood in for one."""
    for each in case.variables:
        if is_placeholder(each.value) or (_named(case, each) and WORD.fullmatch(each.value)):
            yield case.found(
                "ENV005", each, f"`{each.name}` still has a placeholder",
                f"put the value of {case.name} there",
            )  # fmt: skip


def is_placeholder(value: str) -> bool:
    """Whether the value is one that people write before they have the real one."""
    return bool(PLACEHOLDER.search(value) or NAMED.fullmatch(value))


def _named(case: Case, variable: Variable) -> bool:
    return classify.is_secret_name(variable.name, case.public.prefix(variable.name) or "")


def key_kinds(case: Case) -> Iterator[Finding]:
    """ENV008: the two Supabase keys are easily exchanged, and keys end."""
    for each in case.variables:
        wrong = _wrong_kind(case, each)
        if wrong:
            yield case.found(
                "ENV008",
                each,
                f"`{each.name}` {wrong}",
                "copy it again: Supabase dashboard, Settings, API keys",
            )
            continue
        claims = token(each)
        if claims and claims.exp is not None and claims.exp < case.now + SOON:
            over = claims.exp < case.now
            day = f"{datetime.fromtimestamp(max(0, min(claims.exp, 2**31)), UTC):%Y-%m-%d}"
            yield case.found(
                "ENV008", each, f"the key in `{each.name}` {'expired' if over else 'expires'} on {day}",
                "make a new one in the Supabase dashboard", "error" if over else "warning",
            )  # fmt: skip


def _wrong_kind(case: Case, variable: Variable) -> str:
    value, role, claims = variable.value, case.role(variable), token(variable)
    if value.startswith("eyJ") and role and claims is None:
        return "is no whole key: it was cut when it was copied"
    if role == "secret" and (
        value.startswith("sb_publishable_") or (claims and claims.role in formats.PUBLIC_ROLES)
    ):
        return "holds the public key: the server would be treated as a visitor"
    if role == "public" and case.public.prefix(variable.name) is None and formats.secret_form(value):
        return "holds a secret key under the name of the public one"
    if role == "secret" and claims and claims.role != "service_role":
        return "holds a key of another role"
    return ""


def reserved(case: Case) -> Iterator[Finding]:
    """ENV013: such a name makes programs run other code, or talk to somebody else."""
    for each in case.written.values.values():
        if each.line is not None and RESERVED.fullmatch(each.name):
            yield case.found(
                "ENV013", each, f"`{each.name}` changes how programs run that are given it",
                f"delete the line from `{each.file}`",
            )  # fmt: skip


def weak(case: Case) -> Iterator[Finding]:
    """ENV014: too short or too uniform; a database on one's own machine may have it simple."""
    local = is_local(address(case.written.value("DATABASE_URL")))
    for each in case.public.secrets(case.variables):
        if (
            is_placeholder(each.value)
            or WORD.fullmatch(each.value)
            or address(each.value)
            or (local and "DATABASE" in each.name)
        ):
            continue
        if (
            len(each.value) < SHORTEST
            or len(set(each.value)) < 5
            or each.value.lower() == each.name.lower()
        ):
            yield case.found(
                "ENV014", each,
                f"`{each.name}` can be guessed: {SHORTEST} characters or more make a secret",
                "make a new one: `openssl rand -base64 32 | tr -d =`, and set it where it is checked too",
            )  # fmt: skip


def exposed(case: Case) -> Iterator[Finding]:
    """ENV015: who can read the file has the environment."""
    for why, hint in case.written.exposed:
        severity: Severity = "warning" if "mode" in why else "error"
        yield Finding("ENV015", severity, case.written.file, None, "", why, hint)


def example_values(case: Case) -> Iterator[Finding]:
    """ENV015 for examples: they are committed, so what looks like a real key is in everybody's hands."""
    for each in case.variables:
        what = formats.secret_form(each.value)
        if what:
            yield case.found(
                "ENV015", each, f"`{each.name}` in a committed example holds {what}",
                "put a placeholder there, and rotate the key: git remembers it",
            )  # fmt: skip
