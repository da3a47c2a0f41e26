# pure
"""The configuration as frozen sections, one class each: the fields are the schema of `pipeline.toml`.

A field may be a string, one of some (`Literal`), a bool, a number, a list of strings, a section, a table
of sections by name (`Mapping[str, Section]`) or a list of them (`tuple[Section, ...]`).
A new section is a class, and a field of `Settings`. Named tuples, since every task defines them all as it
starts: a frozen dataclass takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from scripts.config.load_settings import Caps, LoadSettings
from scripts.config.monitor_settings import Monitor, WatchWindow
from scripts.config.preview_settings import Preview
from scripts.config.variables import SHARED_NAMES
from scripts.errors import Refused
from scripts.system.near import near

Suite = Literal["smoke", "full"]
SUITES: tuple[Suite, ...] = get_args(Suite)  # each contains the ones before it


class App(NamedTuple):
    """`[app]`: the app's repository, and how it is built.

    Args:
        folder: of the app in its repository; `lockfile`, `output` and `static` are relative to it.
        static: where the stamp is written before the build as well; "" for nowhere.
    """

    name: str = "app"
    repository: str = "."
    remote: str = "origin"
    committer: str = ""
    folder: str = ""
    migrations: str = "supabase/migrations"
    rollbacks: str = "supabase/rollbacks"
    install: tuple[str, ...] = ("npm", "ci")
    lockfile: str = "package-lock.json"
    build: tuple[str, ...] = ("npm", "run", "build")
    output: str = "dist"
    static: str = ""
    version_path: str = "/version.json"
    build_variables: tuple[str, ...] = ()
    land: Literal["push", "pull-request"] = "push"


class Github(NamedTuple):
    """`[github]`: promotions by pull request.

    Args:
        repository: `owner/name`, where the address of the remote does not tell.
        wait: seconds for checks and approvals.
        checks: that must have passed, beside those that the branch's rules require.
        bypass: who may bypass the rulesets, as `Integration:123`; () for the account of the token.
        tell: GitHub of deployments, proofs and releases.
    """

    repository: str = ""
    wait: float = 3600
    checks: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()
    tell: bool = True


class Verify(NamedTuple):
    """`[verify]`: what counts as proven live; times in seconds."""

    timeout: float = 300
    interval: float = 2
    request_timeout: float = 10
    streak: int = 30
    window: float = 1
    paths: tuple[str, ...] = ("/",)


class Supabase(NamedTuple):
    """`[supabase]`: the CLI and its limits; times in seconds."""

    cli: str = ""
    push_timeout: float = 900
    lock_timeout: float = 5
    functions: str = "supabase/functions"
    types: str = ""
    secrets: tuple[str, ...] = ()


class Rehearse(NamedTuple):
    """`[rehearse]`: pending migrations are tried on the real server before a release; in seconds."""

    before: bool = True
    block: float = 10


class Replit(NamedTuple):
    """`[replit]`: what all environments share about Replit; times in seconds."""

    build_timeout: float = 900


class Lock(NamedTuple):
    """`[lock]`: heartbeats of the lock holder, and when it counts as dead; times in seconds."""

    heartbeat: float = 20
    ttl: float = 90
    wait: float = 900


class Notices(NamedTuple):
    """`[notices]`: what telling Slack and Discord may cost; times in seconds."""

    budget: float = 5


class Sentry(NamedTuple):
    """`[sentry]`: the organization and projects that are told of releases; "": none."""

    organization: str = ""
    projects: tuple[str, ...] = ()
    url: str = "https://sentry.io"
    version: str = "{commit}"


class Drill(NamedTuple):
    """`[drill]`: how a commit is broken on purpose: this file gets this text."""

    file: str = ""
    text: str = ""


class Backup(NamedTuple):
    """`[backup]`: where backups lie, for whom they are encrypted, how long they stay.

    Args:
        rate: megabytes a second that are taken from a database; 0 for as fast as it goes.
        max_age: hours.
        partial_proof: a proof counts although the scratch server lacks extensions that the app needs.
        keep_daily, keep_weekly, keep_monthly: days, weeks and months of which one stays.
    """

    folder: str = ""
    recipients: tuple[str, ...] = ()
    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    prefix: str = ""
    compress: str = "zstd:3"
    rate: int = 0
    max_age: float = 26
    partial_proof: bool = False
    keep_daily: int = 7
    keep_weekly: int = 5
    keep_monthly: int = 12


class Allowed(NamedTuple):
    """`[[secrets.allow]]`: a find in a bundle that somebody looked at; `until` is a day, `2030-01-31`."""

    rule: str
    sha256: str
    reason: str
    until: str


class Secrets(NamedTuple):
    """`[secrets]`: where the values come from, and what may be public or shared."""

    provider: Literal["file", "sops"] = "file"
    public_prefixes: tuple[str, ...] = (
        *("VITE_", "NEXT_PUBLIC_", "PUBLIC_", "REACT_APP_", "NUXT_PUBLIC_", "VUE_APP_"),
        *("GATSBY_", "EXPO_PUBLIC_", "NG_APP_", "STORYBOOK_"),
    )
    shared: tuple[str, ...] = SHARED_NAMES
    supabase_api: str = "https://api.supabase.com"
    github_api: str = "https://api.github.com"
    allow: tuple[Allowed, ...] = ()


class E2E(NamedTuple):
    """`[e2e]`: the journeys that `test-e2e` makes; seconds.

    Args:
        command, smoke_command: a suite of the app that is run as it is, instead of pytest.
        report: the JUnit file that they write.
        cleanup: SQL that removes the rows of a run.
    """

    path: str = ""
    command: tuple[str, ...] = ()
    smoke_command: tuple[str, ...] = ()
    report: str = "junit.xml"
    cleanup: tuple[str, ...] = ()
    min_tests: int = 1
    min_smoke_tests: int = 1
    timeout: float = 900
    variables: tuple[str, ...] = ()


class AppTests(NamedTuple):
    """`[tests]`: the app's own tests, as `test-app` runs them on a commit; seconds.

    Args:
        unit_report, integration_report: the JUnit file that the command writes.
        unit_check, integration_check: the check on GitHub whose success is the same proof.
        variables: of the environment, for the integration tests.
    """

    unit: tuple[str, ...] = ()
    integration: tuple[str, ...] = ()
    unit_report: str = ""
    integration_report: str = ""
    unit_check: str = ""
    integration_check: str = ""
    variables: tuple[str, ...] = ()
    timeout: float = 900


class Gates(NamedTuple):
    """`[environment.<name>.gates]`: the proofs of the environment before without which nothing comes in."""

    unit: bool = False
    integration: bool = False
    e2e: Literal["", Suite] = ""
    load: str = ""
    approval: int = 0
    soak_minutes: int = 0
    max_age_hours: float = 168
    e2e_max_age_hours: float = 0
    load_max_age_hours: float = 0
    approval_max_age_hours: float = 0


class Access(NamedTuple):
    """`[environment.<name>.access]`: the header that opens a private app; its value is a variable."""

    header: str = ""
    prefix: str = "Bearer "


class Launcher(NamedTuple):
    """`[environment.<name>.launcher]`: how releases get to the launcher, for `publish = "launcher"`.

    Args:
        build: "there": beside the running release; "artifact": the desk builds, and pushes the output.
        largest_mb: megabytes that an artifact may have.
        keep: artifacts that stay on the remote.
    """

    build: Literal["there", "artifact"] = "there"
    largest_mb: float = 50
    keep: int = 5


class DriverNeeds(NamedTuple):
    """What a way to publish needs.

    Args:
        keys: of the environment in `pipeline.toml`.
        variables: name -> why.
    """

    keys: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}


DRIVERS: Mapping[str, DriverNeeds] = {
    "mcp": DriverNeeds(
        ("ssh_host", "repl_id"),
        {"REPLIT_MCP_TOKEN": "Replit's Publish asks for it (or `invoke replit.login`)"},
    ),
    "manual": DriverNeeds(("ssh_host",)),
    "launcher": DriverNeeds(
        variables={"LAUNCHER_TOKEN": "the launcher shows its state only to those who have it"}
    ),
}


class Environment(NamedTuple):
    """`[environment.<name>]`: one place where a commit can be live."""

    name: str
    branch: str
    url: str
    aliases: tuple[str, ...] = ()
    guarded: bool = False
    database: bool = True
    backup: Literal["migrations", "always"] = "migrations"
    drill_days: int = 0
    driver: Literal["workspace"] = "workspace"
    ssh_host: str = ""
    ssh_config: str = ""
    workspace: str = "/home/runner/workspace"
    publish: Literal["mcp", "manual", "launcher"] = "mcp"
    repl_id: str = ""
    mcp_url: str = "https://mcp.replit.com/server/mcp"
    gates: Gates = Gates()
    load: Caps = Caps()
    access: Access = Access()
    watch: WatchWindow = WatchWindow()
    launcher: Launcher = Launcher()

    @property
    def place(self) -> str:
        """Where a release is built, in words."""
        if self.publish != "launcher":
            return f"the workspace `{self.ssh_host}`"
        return "a clean checkout" if self.ships else f"the launcher of {self.name}"

    @property
    def ships(self) -> bool:
        """What is built has to be brought to where it runs, once it is scanned."""
        return self.publish == "launcher" and self.launcher.build == "artifact"

    @property
    def branch_ref(self) -> str:
        """The full name of the branch on the remote."""
        return f"refs/heads/{self.branch}"


@dataclass(frozen=True)
class Settings:
    """The whole of `pipeline.toml`."""

    chain: tuple[str, ...]
    environments: Mapping[str, Environment]
    app: App = field(default_factory=App)
    github: Github = field(default_factory=Github)
    verify: Verify = field(default_factory=Verify)
    supabase: Supabase = field(default_factory=Supabase)
    replit: Replit = field(default_factory=Replit)
    lock: Lock = field(default_factory=Lock)
    notices: Notices = field(default_factory=Notices)
    sentry: Sentry = field(default_factory=Sentry)
    secrets: Secrets = field(default_factory=Secrets)
    rehearse: Rehearse = field(default_factory=Rehearse)
    drill: Drill = field(default_factory=Drill)
    backup: Backup = field(default_factory=Backup)
    tests: AppTests = field(default_factory=AppTests)
    e2e: E2E = field(default_factory=E2E)
    load: LoadSettings = field(default_factory=LoadSettings)
    monitor: Monitor = field(default_factory=Monitor)
    preview: Preview = field(default_factory=Preview)

    def __iter__(self) -> Iterator[Environment]:
        """The environments in the order of the chain."""
        return (self.environments[name] for name in self.chain)

    @property
    def names(self) -> frozenset[str]:
        """Of environments and branches: what the ledger, the lock and every document are keyed by."""
        return frozenset(name for each in self for name in (each.name, each.branch, *each.aliases))

    def environment(self, name: str) -> Environment:
        """The environment of that name or alias.

        Raises:
            Refused: there is none; the known names are in the hint.
        """
        for environment in self:
            if name in (environment.name, *environment.aliases):
                return environment
        names = ", ".join(f"`{environment.name}`" for environment in self)
        if not name:
            raise Refused("no environment was named", f"the chain has {names}")
        called = {
            each: environment.name
            for environment in self
            for each in (environment.name, *environment.aliases, environment.branch)
        }
        meant = called.get(near(name, called), "")
        hint = f"did you mean `{meant}`? the chain has {names}" if meant else f"the chain has {names}"
        raise Refused(f"there is no environment `{name}`", hint)

    def before(self, environment: Environment) -> Environment | None:
        """The environment that promotes into this one, None for the first of the chain."""
        place = self.chain.index(environment.name)
        return self.environments[self.chain[place - 1]] if place else None

    def after(self, environment: Environment) -> Environment | None:
        """The environment that this one promotes into, None for the last of the chain."""
        place = self.chain.index(environment.name) + 1
        return self.environments[self.chain[place]] if place < len(self.chain) else None
