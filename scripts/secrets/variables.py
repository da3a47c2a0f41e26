# pure
"""The variables of an environment, each with its file and line; and an environment as the rules see it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from scripts.config.env_files import BadLine, Cause
from scripts.config.settings import Environment
from scripts.secrets import classify, formats
from scripts.secrets.classify import PublicNames
from scripts.secrets.finding import Finding, Severity

PROCESS = "process environment"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104 - names to know, not to bind to
HOSTED = (".supabase.co", ".supabase.in", ".supabase.net")


@dataclass(frozen=True)
class Variable:
    """One variable; `line` is None for one of the process environment."""

    name: str
    value: str = field(repr=False)
    file: str
    line: int | None = None

    @property
    def token(self) -> formats.Token | None:
        """The claims of the value, if it is a JSON web token."""
        return formats.parse_token(self.value)


@dataclass(frozen=True)
class EnvFile:
    """The variables of one environment: those of its file, then those of the process environment.

    Args:
        file: the file's name in messages.
        variables: in order; a name that occurs twice is here twice.
        faults: the lines that not all parsers read alike.
        kind: the values of an environment; a committed example, whose values are placeholders; what a
            build reads besides (the app's own `.env` files, public names of the process environment); or a
            file that is only known to be in git.
        exposed: why others can read the file, each with how to fix it.
        causes: what is wrong with the file as a whole.
    """

    environment: str
    file: str
    variables: tuple[Variable, ...] = ()
    faults: tuple[BadLine, ...] = ()
    kind: Literal["values", "example", "build", "tracked"] = "values"
    exposed: tuple[tuple[str, str], ...] = ()
    causes: tuple[Cause, ...] = ()

    @property
    def effective(self) -> Mapping[str, Variable]:
        """The variables that count, by name: the last of each."""
        return {variable.name: variable for variable in self.variables}

    def value(self, name: str) -> str:
        """The value that counts; "" where there is none."""
        variable = self.effective.get(name)
        return variable.value if variable else ""


def secrets_among(variables: Iterable[Variable], public: PublicNames) -> list[Variable]:
    """Those that hold a secret, under whatever name."""
    return [
        variable
        for variable in variables
        if classify.is_secret(variable.name, variable.value, public.prefix(variable.name))
    ]


def digest(value: str) -> str:
    """The SHA-256 of a value, in hex: how values are compared without being shown; "" for none."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() if value else ""


def parse_address(value: str) -> SplitResult | None:
    """The parts of an address, None for what can't be read as one."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def is_local(parts: SplitResult | None) -> bool:
    """Whether the address is one of this machine."""
    host = (parts.hostname or "") if parts else ""
    return host in LOOPBACK or host.endswith(".localhost") or host.startswith("127.")


def project_of(value: str) -> str:
    """The ref of the Supabase project that an address belongs to; "" for any other address."""
    parts = parse_address(value)
    host = (parts.hostname or "").lower() if parts else ""
    if parts and host.endswith(".pooler.supabase.com"):
        return (parts.username or "").partition(".")[2].lower()
    if host.endswith(HOSTED):
        return host.removeprefix("db.").partition(".")[0]
    return ""


@dataclass(frozen=True)
class Configured:
    """An environment of the chain, and its variables."""

    environment: Environment
    file: EnvFile

    @property
    def names(self) -> tuple[str, ...]:
        """The environment's name and its aliases."""
        return (self.environment.name, *self.environment.aliases)

    def project(self, public: PublicNames) -> str:
        """The Supabase project by the app's own `SUPABASE_URL`; "" where it has none."""
        for variable in self.file.effective.values():
            if variable.name.removeprefix(public.prefix(variable.name) or "") == "SUPABASE_URL":
                return project_of(variable.value)
        return ""


@dataclass(frozen=True)
class CheckedEnvironment:
    """One environment with everything that the rules look at.

    Args:
        others: the rest of the chain, to compare with.
        needed: the variables that a release of this environment can't do without, each with its reason.
        shared: names whose value may be the same everywhere.
        now: seconds of Unix time.
        first: the first of the chain, where people also work on their own machines.
    """

    own: Configured
    others: tuple[Configured, ...]
    public: PublicNames
    needed: tuple[tuple[str, str], ...] = ()
    shared: tuple[str, ...] = ()
    now: float = 0
    first: bool = False

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.own.environment.name

    @property
    def file(self) -> EnvFile:
        """What the environment's file and the process environment say."""
        return self.own.file

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that count and have a value."""
        return tuple(variable for variable in self.file.effective.values() if variable.value)

    @property
    def secrets(self) -> list[Variable]:
        """Those of them that hold a secret."""
        return secrets_among(self.variables, self.public)

    def finding(
        self, rule: str, about: Variable | str, message: str, hint: str, severity: Severity = "error"
    ) -> Finding:
        """A finding about a variable of this environment, or about a name that it lacks."""
        if isinstance(about, Variable):
            return Finding(rule, severity, about.file, about.line, about.name, message, hint)
        return Finding(rule, severity, self.file.file, None, about, message, hint)

    def bare(self, variable: Variable) -> str:
        """The variable's name without its public prefix."""
        return variable.name.removeprefix(self.public.prefix(variable.name) or "")

    def public_variables(self) -> Iterator[tuple[Variable, str]]:
        """The variables that reach a browser, with their prefix."""
        for variable in self.variables:
            prefix = self.public.prefix(variable.name)
            if prefix is not None:
                yield variable, prefix

    def key_kind(self, variable: Variable) -> str:
        """What a Supabase key should be by its name: "public", "secret", or ""."""
        bare = self.bare(variable).upper()
        if bare.endswith(
            ("SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_PUBLISHABLE_DEFAULT_KEY")
        ):
            return "public"
        return "secret" if "SERVICE_ROLE" in bare or bare.endswith("SUPABASE_SECRET_KEY") else ""
