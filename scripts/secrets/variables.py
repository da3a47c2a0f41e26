# pure
"""Variables as they were written: in which file, on which line, for which environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from scripts.config.settings import Environment
from scripts.secrets import classify, formats
from scripts.secrets.finding import Finding, Severity

PROCESS = "process environment"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104 - names to know, not to bind to
HOSTED = (".supabase.co", ".supabase.in", ".supabase.net")


@dataclass(frozen=True)
class Variable:
    """One variable; `line` is None for what the process environment says."""

    name: str
    value: str = field(repr=False)
    file: str
    line: int | None = None


@dataclass(frozen=True)
class Written:
    """All that was written down for one environment.

    Args:
        file: what its file is called in messages.
        variables: in order, a name that stands there twice twice; the process environment's last.
        faults: the numbers of lines that not all parsers read alike.
        kind: the values of an environment; a committed example, whose values are placeholders; or what a
            build reads besides (the app's own `.env` files, public names of the process).
        exposed: why others can read the file, each with how to mend it.
    """

    environment: str
    file: str
    variables: tuple[Variable, ...] = ()
    faults: tuple[int, ...] = ()
    kind: Literal["values", "example", "build"] = "values"
    exposed: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> Mapping[str, Variable]:
        """The variables that count: the last of each name."""
        return {each.name: each for each in self.variables}

    def value(self, name: str) -> str:
        """The value that counts; empty where there is none."""
        found = self.values.get(name)
        return found.value if found else ""


@dataclass(frozen=True)
class Public:
    """Which variables reach a browser: by their prefix, or because the build is given them."""

    prefixes: tuple[str, ...]
    built: tuple[str, ...] = ()

    def prefix(self, name: str) -> str | None:
        """The public prefix of a name; "" for one that the build is given without a prefix."""
        found = classify.public_prefix(name, self.prefixes)
        return "" if found is None and name in self.built else found

    def secrets(self, variables: Iterable[Variable]) -> list[Variable]:
        """Those that hold a secret, under whatever name."""
        return [
            each
            for each in variables
            if classify.is_secret(each.name, each.value, self.prefix(each.name) or "")
        ]


def address(value: str) -> SplitResult | None:
    """The parts of an address, None for what can't be read as one."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def is_local(parts: SplitResult | None) -> bool:
    """Whether the address is one of the machine that asks."""
    host = (parts.hostname or "") if parts else ""
    return host in LOOPBACK or host.endswith(".localhost") or host.startswith("127.")


def project(value: str) -> str:
    """The Supabase project that an address belongs to; empty for any other address."""
    parts = address(value)
    host = (parts.hostname or "").lower() if parts else ""
    if parts and host.endswith(".pooler.supabase.com"):
        return (parts.username or "").partition(".")[2].lower()
    if host.endswith(HOSTED):
        return host.removeprefix("db.").partition(".")[0]
    return ""


# One environment under examination: what was written for it, what it is, and its neighbours.


@dataclass(frozen=True)
class Place:
    """An environment and what was written for it."""

    environment: Environment
    written: Written

    @property
    def names(self) -> tuple[str, ...]:
        """What the environment is called."""
        return (self.environment.name, *self.environment.aliases)

    def project(self, public: Public) -> str:
        """The Supabase project by the app's own `SUPABASE_URL`; empty where it has none."""
        for each in self.written.values.values():
            if each.name.removeprefix(public.prefix(each.name) or "") == "SUPABASE_URL":
                return project(each.value)
        return ""


@dataclass(frozen=True)
class Case:
    """What all rules look at.

    Args:
        needed: the variables that a release of this environment can't do without, each with its reason.
        shared: names whose value may be the same everywhere.
        now: seconds of Unix time.
        first: the first of the chain, where people also work on their own machines.
    """

    place: Place
    others: tuple[Place, ...]
    public: Public
    needed: tuple[tuple[str, str], ...] = ()
    shared: tuple[str, ...] = ()
    now: float = 0
    first: bool = False

    @property
    def written(self) -> Written:
        """What was written for this environment."""
        return self.place.written

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that count, those with a value."""
        return tuple(each for each in self.written.values.values() if each.value)

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.place.environment.name

    def found(
        self, rule: str, about: Variable | str, message: str, hint: str, severity: Severity = "error"
    ) -> Finding:
        """A finding about a variable of this environment, or about a name that it lacks."""
        if isinstance(about, Variable):
            return Finding(rule, severity, about.file, about.line, about.name, message, hint)
        return Finding(rule, severity, self.written.file, None, about, message, hint)

    def public_variables(self) -> Iterator[tuple[Variable, str]]:
        """The variables that reach a browser, with their prefix."""
        for each in self.variables:
            prefix = self.public.prefix(each.name)
            if prefix is not None:
                yield each, prefix

    def secrets(self) -> tuple[Variable, ...]:
        """The variables that hold a secret and stay on the server."""
        return tuple(e for e in self.public.secrets(self.variables) if self.public.prefix(e.name) is None)

    def role(self, variable: Variable) -> str:
        """What a Supabase key's name says that it is: `public`, `secret`, or nothing."""
        bare = variable.name.removeprefix(self.public.prefix(variable.name) or "").upper()
        if bare.endswith(
            ("SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_PUBLISHABLE_DEFAULT_KEY")
        ):
            return "public"
        return "secret" if "SERVICE_ROLE" in bare or bare.endswith("SUPABASE_SECRET_KEY") else ""


def token(variable: Variable) -> formats.Token | None:
    """The claims of a variable's value, if it is a token."""
    return formats.token_of(variable.value)
