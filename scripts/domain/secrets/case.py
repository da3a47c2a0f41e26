"""One environment under examination: what was written for it, what it is, and its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.domain.secrets import forms
from scripts.domain.secrets.finding import Finding, Severity
from scripts.domain.secrets.variables import Public, Variable, Written, project
from scripts.domain.settings import Environment


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


def token(variable: Variable) -> forms.Token | None:
    """The claims of a variable's value, if it is a token."""
    return forms.token_of(variable.value)
