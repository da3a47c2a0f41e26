"""From a table to settings: every fault has its message, all in one go, and nothing else is ever raised."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.parse import parse
from scripts.config.settings import SUITES, App, Environment, Replit, Settings, Supabase, Verify
from scripts.errors import ConfigError
from tests.support.tables import GONE, VALID, table

SHIPPED = Path(__file__).resolve().parents[3] / "env" / "pipeline.toml"
SECTIONS: dict[str, Any] = {"app": App, "verify": Verify, "supabase": Supabase, "replit": Replit}
DEV, STAGE, PROD = (f"environment.{name}" for name in VALID["chain"])


def faults(made: object) -> list[str]:
    """The faults that a table has, one a line."""
    with pytest.raises(ConfigError) as caught:
        parse(made)  # type: ignore[arg-type]
    first, *lines = caught.value.message.split("\n  | ")
    plural = "s" if len(lines) > 1 else ""
    assert first == f"`pipeline.toml` has {len(lines)} fault{plural}:"
    return lines


FUNCTIONS = "`supabase.functions` should end with `supabase/functions`, where the CLI looks"
FAULTY: list[tuple[dict[str, object], str]] = [
    # unknown keys, with the nearest known name
    ({"chian": ["a"]}, "`chian` is no key of this file: did you mean `chain`?"),
    ({"xyzzy": 1}, "`xyzzy` is no key of this file"),
    ({"app__nmae": "x"}, "`app.nmae` is no key of this file: did you mean `app.name`?"),
    ({"verify__time_out": 1}, "`verify.time_out` is no key of this file: did you mean `verify.timeout`?"),
    ({"supabase__clj": ""}, "`supabase.clj` is no key of this file: did you mean `supabase.cli`?"),
    ({"replit__quux": ""}, "`replit.quux` is no key of this file"),
    (
        {"environment__staging__brnach": "x"},
        f"`{STAGE}.brnach` is no key of this file: did you mean `{STAGE}.branch`?",
    ),
    ({"environment__staging__name": "x"}, f"`{STAGE}.name` is no key of this file"),
    # wrong kinds
    ({"app": "x"}, "`app` should be a table"),
    ({"app": []}, "`app` should be a table"),
    ({"verify": 1}, "`verify` should be a table"),
    ({"app__name": 1}, "`app.name` should be a string"),
    ({"app__build": "npm run build"}, "`app.build` should be a list of strings"),
    ({"app__build": ["npm", 1]}, "`app.build` should be a list of strings"),
    ({"verify__timeout": "300"}, "`verify.timeout` should be a number above 0"),
    ({"verify__timeout": True}, "`verify.timeout` should be a number above 0"),
    ({"verify__timeout": 0}, "`verify.timeout` should be a number above 0"),
    ({"verify__timeout": -1}, "`verify.timeout` should be a number above 0"),
    ({"verify__interval": math.nan}, "`verify.interval` should be a number above 0"),
    ({"supabase__lock_timeout": math.inf}, "`supabase.lock_timeout` should be a number above 0"),
    ({"verify__timeout": math.inf}, "`verify.timeout` should be a number above 0"),
    ({"environment__staging__guarded": 1}, f"`{STAGE}.guarded` should be true or false"),
    ({"environment__staging__guarded": "true"}, f"`{STAGE}.guarded` should be true or false"),
    ({"environment__staging__database": 0}, f"`{STAGE}.database` should be true or false"),
    ({"environment__staging__aliases": "st"}, f"`{STAGE}.aliases` should be a list of strings"),
    (
        {"environment__staging__publish": "ftp"},
        f"`{STAGE}.publish` should be `mcp` or `manual` or `launcher`",
    ),
    ({"environment__staging__driver": "x"}, f"`{STAGE}.driver` should be `workspace`"),
    # missing
    ({"environment__staging__branch": GONE}, f"`{STAGE}.branch` is missing: it should be a string"),
    ({"environment__staging__url": GONE}, f"`{STAGE}.url` is missing: it should be a string"),
    ({"environment__staging": GONE}, f"`{STAGE}` is missing, though `chain` names it"),
    (
        {"environment__staging__ssh_host": GONE},
        f'`{STAGE}.ssh_host` is missing: `publish = "mcp"` needs it',
    ),
    (
        {"environment__staging__workspace": ""},
        f"`{STAGE}.workspace` should be the whole path of the app's folder on the Replit host",
    ),
    ({"environment__staging__repl_id": ""}, f'`{STAGE}.repl_id` is missing: `publish = "mcp"` needs it'),
    # the chain
    ({"chain": ["development", "staging"]}, f"`{PROD}` is not in `chain`"),
    ({"chain": ["development", "staging", "production", "staging"]}, "`chain` names an environment twice"),
    (
        {"chain": ["development", "staging", "production", "Up"]},
        "`chain`: `Up` should be lower-case letters, digits and `-`",
    ),
    (
        {"chain": ["development", "staging", "production", "-x"]},
        "`chain`: `-x` should be lower-case letters, digits and `-`",
    ),
    ({"environment__other": {}}, "`environment.other` is not in `chain`"),
    # addresses, branches, hosts
    (
        {"environment__staging__url": "staging.example.org"},
        f"`{STAGE}.url` should be an http or https address",
    ),
    ({"environment__staging__url": "ftp://a"}, f"`{STAGE}.url` should be an http or https address"),
    ({"environment__staging__url": "https://"}, f"`{STAGE}.url` should be an http or https address"),
    ({"environment__staging__url": "https://[oops"}, f"`{STAGE}.url` should be an http or https address"),
    ({"environment__staging__url": "https://a:99999"}, f"`{STAGE}.url` should be an http or https address"),
    # shared
    ({"environment__staging__branch": "develop"}, f"`{STAGE}.branch` is the one of `{DEV}`"),
    ({"environment__staging__url": "https://example.org"}, f"`{PROD}.url` is the one of `{STAGE}`"),
    ({"environment__staging__url": "https://example.org/"}, f"`{PROD}.url` is the one of `{STAGE}`"),
    ({"environment__staging__repl_id": "id-1"}, f"`{STAGE}.repl_id` is the one of `{DEV}`"),
    ({"environment__staging__aliases": ["prod"]}, "`prod` names two environments"),
    ({"environment__staging__aliases": ["production"]}, "`production` names two environments"),
    ({"app__folder": "../x"}, "`app.folder` should be a folder such as `apps/web`, without `.` and `..`"),
    ({"app__static": "/x"}, "`app.static` should be a folder such as `apps/web`, without `.` and `..`"),
    (
        {"app__folder": "web", "app__lockfile": "../../x"},
        "`app.lockfile` should be a file in the app's repository",
    ),
    ({"supabase__functions": "functions"}, FUNCTIONS),
    ({"supabase__functions": "../supabase/functions"}, FUNCTIONS),
    ({"supabase__functions": "mysupabase/functions"}, FUNCTIONS),
    (
        {"app__committer": "Ada"},
        "`app.committer` should be a name and an address: `Name <mail@example.com>`",
    ),
]


@pytest.mark.parametrize(("changes", "message"), FAULTY, ids=[str(change)[:70] for change, _ in FAULTY])
def test_each_fault_has_its_message(changes: dict[str, object], message: str) -> None:
    """A faulty value is named by its key's path, with what it should be, and no other fault is made up."""
    assert faults(table(**changes)) == [message]


@pytest.mark.parametrize("url", ["me@a", "me:pw@a", "a/?q=1", "a/#b"])
def test_an_address_with_more_than_an_address_is_a_fault(url: str) -> None:
    """A password, a query or a fragment has no place in what everybody reads."""
    message = f"`{STAGE}.url` should be a bare address: no user, password, query or fragment"

    assert faults(table(environment__staging__url=f"https://{url}")) == [message]


BRANCHES = [
    "--force",
    "-x",
    "a b",
    "a..b",
    "a.lock",
    "a/",
    "$(id)",
    "refs/heads/../x",
    "a~1",
    "a:b",
    "a\nb",
    "@",
    "a\u202eb",
    "a\u00a0b",
    "a\u0080b",
    "é" * 199 + " ",
]


@pytest.mark.parametrize("branch", ["développement", "修复", "release/été-2026", "feature/🚀", "¡a"])
def test_a_branch_may_have_a_name_in_any_script(branch: str) -> None:
    """As git allows."""
    settings = parse(table(environment__staging__branch=branch))

    assert settings.environment("staging").branch_ref == f"refs/heads/{branch}"


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_that_is_no_plain_name_is_a_fault(branch: str) -> None:
    """No option, no range, no metacharacter, nothing that git itself would refuse."""
    assert faults(table(environment__staging__branch=branch)) == [
        f"`{STAGE}.branch` is no plain branch name"
    ]


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "a;b", "$(id)", "a\n"])
def test_a_host_that_is_no_alias_is_a_fault(host: str) -> None:
    """What ssh would read as an option, or a shell as a command, is refused."""
    message = f"`{STAGE}.ssh_host` should be a host alias of the ssh configuration"

    assert faults(table(environment__staging__ssh_host=host)) == [message]


@pytest.mark.parametrize("value", ["x", 1, {}, [], [1], None, GONE], ids=repr)
def test_a_chain_that_is_no_list_is_a_fault(value: object) -> None:
    """Without a chain there is no order to promote in."""
    assert "`chain` should be a list of environment names" in faults(table(chain=value))


@pytest.mark.parametrize(
    "changes",
    [
        {"app__version_path": "version.json"},
        {"app__version_path": "@evil.example/version.json"},
        {"verify__paths": ["login"]},
        {"verify__paths": ["/", ".evil.example"]},
        {"environment__staging__aliases": [""]},
        {"app__output": ""},
        {"app__output": "."},
        {"app__output": ".."},
        {"app__rollbacks": "supabase/migrations/"},
    ],
    ids=str,
)
def test_what_would_only_fail_later_is_a_fault_now(changes: dict[str, object]) -> None:
    """A path to another host, an alias that means no name, an output that hides dirt: refused at load."""
    with pytest.raises(ConfigError):
        parse(table(**changes))


@pytest.mark.parametrize("value", ["x", 1, [], True])
def test_an_environment_that_is_no_table_is_a_fault(value: object) -> None:
    """What should be a table is named as such."""
    assert f"`{STAGE}` should be a table" in faults(table(environment__staging=value))


def test_all_faults_are_told_in_one_go() -> None:
    """One visit shows everything that has to be fixed."""
    found = faults(
        table(
            chian=1,
            app__nmae="x",
            verify__timeout=True,
            environment__development__branch="-x",
            environment__production__guarded="yes",
        )
    )

    assert found == [
        "`app.nmae` is no key of this file: did you mean `app.name`?",
        "`verify.timeout` should be a number above 0",
        f"`{DEV}.branch` is no plain branch name",
        f"`{PROD}.guarded` should be true or false",
        "`chian` is no key of this file: did you mean `chain`?",
    ]


def test_the_file_is_named() -> None:
    """The message says which file is at fault."""
    with pytest.raises(ConfigError, match=re.escape("`/x/pipeline.toml` has 1 fault:")):
        parse(table(xyzzy=1), file="/x/pipeline.toml")


def test_a_valid_table_becomes_settings() -> None:
    """Given values are kept, the others have their defaults."""
    settings = parse(
        table(app__build=["make"], verify__timeout=1.5, environment__staging__publish="manual")
    )

    assert (("make",), ("npm", "ci"), 1.5) == (
        settings.app.build,
        settings.app.install,
        settings.verify.timeout,
    )
    assert settings.environment("staging").publish == "manual"
    found = settings.environment("prod")

    assert ("production", ("prod",), True) == (found.name, found.aliases, found.guarded)


def test_a_gate_may_ask_for_a_load_profile_of_ones_own() -> None:
    """And for a shipped one; any other could never be proven."""
    own = {"load": {"profiles": {"rush": {"users": 5}}}, "environment__production__gates__load": "rush"}
    shipped = table(environment__production__gates__load="steady")

    assert parse(table(**own)).environment("prod").gates.load == "rush"
    assert parse(shipped).environment("prod").gates.load == "steady"
    assert faults(table(environment__production__gates__load="rush")) == [
        f"`{PROD}.gates.load` should be `smoke` or `steady` or `spike` or `soak` or `stress`"
    ]


def test_a_gate_may_ask_for_a_suite() -> None:
    """Those that `test-e2e` knows."""
    for suite in ("", *SUITES):
        assert (
            parse(table(environment__production__gates__e2e=suite)).environment("prod").gates.e2e == suite
        )
    assert faults(table(environment__production__gates__e2e="half")) == [
        f"`{PROD}.gates.e2e` should be `` or `smoke` or `full`"
    ]


def test_a_gate_of_tests_needs_a_way_to_run_them() -> None:
    """A command, or a check on GitHub; a report lies in the app's folder."""
    wanted = table(environment__production__gates__unit=True)

    assert faults(wanted) == [f"`{PROD}.gates.unit` needs `tests.unit`, or the check `tests.unit_check`"]
    assert parse({**wanted, "tests": {"unit_check": "unit"}}).environment("prod").gates.unit
    assert faults(table(tests__unit_report="../x.xml")) == [
        "`tests.unit_report` should be a file below the app's folder"
    ]


def test_one_suite_of_journeys_with_a_report_below_the_app() -> None:
    """A folder for pytest and a command are two; a report is never outside."""
    assert faults(table(e2e__path="e2e", e2e__command=["x"], e2e__report="../x.xml")) == [
        "`e2e.path` and `e2e.command` name two suites: one of them should go",
        "`e2e.report` should be a file below the app's folder",
    ]


def test_the_first_of_the_chain_has_no_gates() -> None:
    """Nothing comes before it that could be proven."""
    assert faults(table(environment__development__gates__approval=1)) == [
        f"`{DEV}.gates` should be empty: no environment comes before the first of the chain"
    ]


ALLOWED = {"rule": "LEAK003", "sha256": "0" * 64, "reason": "an example", "until": "2030-01-31"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sha256": "0"}, "sha256` should be the 64 hex digits of the finding's `digest` (`--json`)"),
        ({"rule": "ENV001"}, "rule` should be `ENV006`, `ENV007` or a rule of `env.scan`"),
        ({"reason": " "}, "reason` should say why this is no leak"),
        ({"until": "31.1.2030"}, "until` should be a day, such as `2030-01-31`"),
    ],
)
def test_an_exception_needs_a_digest_a_reason_and_an_end(change: dict[str, str], fault: str) -> None:
    """So that somebody can judge it again."""
    assert parse(table(secrets__allow=[ALLOWED])).secrets.allow[0].reason == "an example"
    assert faults(table(secrets__allow=[ALLOWED | change])) == [f"`secrets.allow[0].{fault}"]


@pytest.mark.parametrize("key", ["supabase_api", "github_api"])
@pytest.mark.parametrize("value", ["api.example.org", "https://a:b@c", "https://a/?q", "file:///x"])
def test_the_address_of_an_api_is_a_bare_one(key: str, value: str) -> None:
    """A token goes there."""
    assert faults(table(**{f"secrets__{key}": value})) == [
        f"`secrets.{key}` should be a bare http or https address"
    ]


@pytest.mark.parametrize(
    "value", ["http://api.example.org", "http://127.0.0.1.example.org/x", "http://10.0.0.5:80"]
)
def test_a_token_never_travels_unencrypted_to_another_machine(value: str) -> None:
    """To this very machine it may: that is how a sandbox is asked."""
    fault = "should be an https address: a token would travel unencrypted"

    for key in ("supabase_api", "github_api"):
        assert faults(table(**{f"secrets__{key}": value})) == [f"`secrets.{key}` {fault}"]
        assert parse(table(**{f"secrets__{key}": "http://127.0.0.1:8080/api"}))
    (told,) = faults(table(environment__staging__mcp_url=value))
    assert "mcp_url` should be an https address" in told
    assert parse(table(environment__staging__mcp_url="http://localhost:1/mcp"))


def test_tables_of_tables_and_lists_of_tables_have_their_paths() -> None:
    """However deep the fault is."""
    stage = "load.profiles.rush.stages[1]"
    made = table(
        load={"profiles": {"rush": {"users": "x", "stages": [{"seconds": 1}, {"second": 1}]}}},
        secrets={"allow": {}},
    )

    assert faults(made) == [
        "`secrets.allow` should be a list of tables",
        "`load.profiles.rush.users` should be a whole number, 0 or more",
        f"`{stage}.second` is no key of this file: did you mean `{stage}.seconds`?",
    ]


def test_manual_publishing_needs_no_repl() -> None:
    """Where a person presses the button there is nobody to name an app to."""
    changes = {"environment__staging__publish": "manual", "environment__staging__repl_id": GONE}

    assert parse(table(**changes)).environment("staging").repl_id == ""


# ---------------------------------------------------------------------------------------- anything at all

HOSTILE = st.sampled_from(
    [
        "",
        "http://[",
        "https://[::1",
        "//",
        "https://a:b",
        "http://\u2100.com",
        "http://a\ud800",
        "-x",
        "a\x00",
        "²",
    ]
)
SCALARS = st.one_of(
    st.text(max_size=6),
    HOSTILE,
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.booleans(),
    st.just(dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
)
KEYS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        [
            "chain",
            "app",
            "verify",
            "supabase",
            "replit",
            "environment",
            "development",
            "url",
            "branch",
            "name",
            "aliases",
            "guarded",
            "ssh_host",
            "publish",
            "repl_id",
            "timeout",
            "paths",
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    "chain",
    "app",
    "verify",
    "supabase",
    "replit",
    "environment",
    "environment__staging",
    *(f"{section}__{name}" for section, kind in SECTIONS.items() for name in kind._fields),
    *(f"environment__staging__{name}" for name in Environment._fields),
]


def settings_or_none(made: dict[str, Any]) -> Settings | None:
    """The settings, or None where the table is refused; any other exception is the test's failure."""
    with contextlib.suppress(ConfigError):
        return parse(made)
    return None


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_table_is_refused_or_read(made: dict[str, Any]) -> None:
    """Whatever TOML holds, the answer is settings or `ConfigError`."""
    assert isinstance(settings_or_none(made), Settings | None)


@given(st.dictionaries(st.sampled_from(PATHS), VALUES, max_size=4))
def test_any_change_of_a_valid_table_is_refused_or_read(changes: dict[str, object]) -> None:
    """Whatever stands in place of a good value, the answer is settings or `ConfigError`."""
    deepest_first = sorted(changes, key=lambda path: -path.count("__"))
    settings = settings_or_none(table(**{path: changes[path] for path in deepest_first}))

    assert settings is None or all(
        math.isfinite(getattr(settings.verify, each)) for each in ("timeout", "interval")
    )


# ---------------------------------------------------------------------------------------- what is shipped


def test_the_shipped_file_is_faultless() -> None:
    """The manual is an example that works."""
    settings = parse(tomllib.loads(SHIPPED.read_text()))

    assert settings.chain == ("development", "staging", "production")
    assert [each.branch for each in settings] == ["develop", "staging", "main"]
    assert [each.guarded for each in settings] == [False, False, True]
    assert settings.environment("dev").name == "development"
    assert settings.environment("prod").name == "production"


@pytest.mark.parametrize("section", [*SECTIONS, "environment"])
def test_the_shipped_file_holds_every_key(section: str) -> None:
    """Every field of a section is in the manual at least once."""
    shipped = tomllib.loads(SHIPPED.read_text())[section]
    tables = shipped.values() if section == "environment" else [shipped]
    kind = SECTIONS.get(section, Environment)
    wanted = set(kind._fields) - ({"name"} if kind is Environment else set())

    assert wanted == {key for each in tables for key in each}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_shipped_file_shows_the_defaults(section: str) -> None:
    """The value that the manual shows is the one that holds when the line is left out."""
    examples = {("app", "name"), ("app", "build_variables")}  # the team's own, with no useful default
    shipped = getattr(parse(tomllib.loads(SHIPPED.read_text())), section)
    other = {
        (section, name)
        for name, default in SECTIONS[section]._field_defaults.items()
        if getattr(shipped, name) != default
    }

    assert other - examples == set()


def test_every_key_of_the_shipped_file_is_explained() -> None:
    """The first time that a key is seen, a comment stands above it or above its neighbour."""
    seen: set[str] = set()
    above = ""
    unexplained = []
    for line in SHIPPED.read_text().splitlines():
        key = re.match(r"([a-z_]+) = ", line)
        if key and key[1] not in seen and not above.startswith("#") and not re.match(r"[a-z_]+ = ", above):
            unexplained.append(key[1])
        seen |= {key[1]} if key else set()
        above = line

    # what the file's head and the names of the sections say
    assert {"name", "aliases", "branch", "url"} >= set(unexplained)
