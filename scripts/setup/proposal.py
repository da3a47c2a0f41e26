# pure
"""The text of a new desk's files, from the facts of the app and the answers of a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.config.variables import NAMES, VARIABLES
from scripts.setup.facts import CHAIN, SHORT, AppFacts, Found

CHECK = "# CHECK:"  # how a line begins that a person should look at
GITIGNORE = (
    ".env",
    ".env.*",
    "!.env.*.example",
    "!.env.*.sops",
    ".airhost/",
    ".sandbox/",
    ".venv/",
    ".venv.lock",
    "__pycache__/",
)
GATES_OFF = 'off until the app can pass them: docs/quality.md, "Gates of a new app"'


@dataclass(frozen=True)
class Answers:
    """What a person decides; `branches`, `urls` and `repl_ids` are keyed by environment."""

    name: str
    remote: str
    repository: str
    branches: Mapping[str, str]
    urls: Mapping[str, str]
    repl_ids: Mapping[str, str] = field(default_factory=dict)
    launcher: bool = False


def default_answers(facts: AppFacts, repository: str) -> Answers:
    """The answers that most teams would give."""
    branches = {name: str(found.value) for name, found in facts.branches.items()}
    urls = {
        name: str(facts.sites[name].value)
        if name in facts.sites
        else f"https://{facts.name.value}-{SHORT[name]}.replit.app"
        for name in branches
    }
    remote = "origin" if "origin" in facts.remotes or not facts.remotes else facts.remotes[0]
    return Answers(str(facts.name.value), remote, repository, branches, urls)


def pipeline_toml(template: str, facts: AppFacts, answers: Answers) -> str:
    """`pipeline.toml`: the shipped file with all its comments, this app's values, and lines to check."""
    chain = [name for name in CHAIN if name in answers.branches]
    text = set_keys(template, "", {"chain": Found(chain)})
    app = {
        "name": Found(answers.name),
        "repository": Found(answers.repository),
        "remote": Found(answers.remote),
        **facts.settings,
        "build_variables": facts.public._replace(value=sorted(facts.public.value)),
    }
    folder = str(facts.settings.get("migrations", Found("")).value).rpartition("/")[0]
    if facts.settings.get("migrations", Found("")).value:
        app["rollbacks"] = Found(f"{folder}/rollbacks" if folder else "rollbacks")
    text = set_keys(text, "app", app)
    # also where there are none yet: the first one must not be left out without a word
    usual = f"{folder}/functions" if f"/{folder}".endswith("/supabase") else "supabase/functions"
    functions = facts.functions._replace(value=facts.functions.value or usual)
    text = set_keys(text, "supabase", {"functions": functions, "types": facts.types})
    text = set_keys(text, "drill", {"file": Found(""), "text": Found("")})
    text = _without_the_sample(text, facts)
    for name in CHAIN:
        if name in answers.branches:
            text = set_keys(text, f"environment.{name}", _environment(name, facts, answers))
        else:
            text = re.sub(rf"(?ms)^\[environment\.{name}(?:\.\w+)*\]\n.*?(?=^\[|\Z)", "", text)
    return text.rstrip("\n") + "\n"


def _without_the_sample(text: str, facts: AppFacts) -> str:
    """Journeys, rows and gates of the shipped sample app are not this app's."""
    found = {suite: facts.tests.get(suite, Found([])) for suite in ("unit", "integration")}
    text = set_keys(text, "tests", found)
    text = set_keys(text, "environment.staging.gates", {"unit": Found(False, check=GATES_OFF)})
    text = set_keys(text, "e2e", {"variables": Found([]), "cleanup": Found([])})
    names = {
        key: next((n for n in facts.public.value if n.endswith(ends)), "") for key, ends in REST.items()
    }
    load = {key: Found(name) for key, name in names.items() if name}
    text = set_keys(text, "load", {**load, "cleanup": Found([])})
    weights = ("browse", "search", "book", "whatsapp", "rest", "inbox")
    text = set_keys(text, "load.mix", {**dict.fromkeys(weights, Found(0)), "visit": Found(1)})
    text = text.replace("[load.endpoints.properties]", "[load.endpoints.home]")
    text = set_keys(text, "environment.staging.load", {"writes": Found(False)})
    gates = {"integration": Found(False), "e2e": Found("", check=GATES_OFF), "load": Found("")}
    return set_keys(
        text, "environment.production.gates", {**gates, "approval": Found(0), "soak_minutes": Found(0)}
    )


REST = {
    "rest": ("SUPABASE_URL",),
    "rest_key": ("SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_KEY"),
}


def _environment(name: str, facts: AppFacts, answers: Answers) -> dict[str, Found]:
    repl_id, branch, url = answers.repl_ids.get(name, ""), answers.branches[name], answers.urls[name]
    usual = facts.branches.get(name, Found(branch))
    missing = f"`{answers.remote}` has no branch `{branch}` yet: `invoke init --create-branches` makes it"
    check = missing if name in facts.missing else usual.check
    guessed = url == f"https://{facts.name.value}-{SHORT[name]}.replit.app"
    return {
        "branch": Found(branch, check=check if branch == usual.value else ""),
        "url": Found(url, check="no file names it: is this its address?" if guessed else ""),
        "ssh_host": Found(f"{answers.name}-{SHORT[name]}"),
        "publish": Found("launcher" if answers.launcher else "mcp" if repl_id else "manual"),
        **({"repl_id": Found(repl_id)} if repl_id else {}),
        **({} if facts.database else {"database": Found(False)}),
    }


def set_keys(text: str, section: str, values: Mapping[str, Found]) -> str:
    """Set keys of a TOML section; keys that it does not have are added at its end.

    A key that a person should check gets a line that says so before it.
    """
    lines, current, left = text.splitlines(), "", dict(values)
    last = 0 if section == "" else None  # the number of the section's last line that is no comment
    ends: dict[int, int] = {}  # the lines of a value that is longer than one
    for number, line in enumerate(lines):
        if header := re.fullmatch(r"\[{1,2}([\w.-]+)\]{1,2}\s*", line):
            current = header[1]
        key = line.partition("=")[0].strip()
        if current == section and line.strip() and not line.startswith("#"):
            last = number
            if key in left:
                ends[number] = _end_of_value(lines, number)
                lines[number] = "\n".join(_lines(key, left.pop(key)))
    if left and last is not None:
        lines[last] = "\n".join([lines[last], *(line for key in left for line in _lines(key, left[key]))])
    gone = {inner for number, end in ends.items() for inner in range(number + 1, end + 1)}
    return "\n".join(line for number, line in enumerate(lines) if number not in gone) + "\n"


def _end_of_value(lines: list[str], number: int) -> int:
    """The last line of a value that begins here: a list may go over several."""
    if not lines[number].rstrip().endswith("["):
        return number
    return next((n for n in range(number + 1, len(lines)) if lines[n].startswith("]")), number)


def _lines(key: str, found: Found) -> list[str]:
    line = f"{key} = {json.dumps(found.value, ensure_ascii=False)}"
    return [f"{CHECK} {' '.join(found.check.split())}", line] if found.check else [line]


def env_example(environment: str, facts: AppFacts, answers: Answers) -> str:
    """`.env.<environment>.example`: every variable of this environment; no secret has a value."""
    server = {name.removeprefix(prefix) for name, prefix in facts.leaking.items()} - NAMES
    lines = [
        f"# Values of the {environment} environment. Copy to `.env.{environment}` (0600, git-ignored).",
        "# One NAME=value a line; quote a value that holds anything but letters, digits and ._/:@%+,=^-",
        "",
        "# --- for the app's build: these end up in every visitor's browser",
        *(f"{name}={_value(name, environment, answers)}" for name in sorted(facts.public.value)),
    ]
    if server:
        lines += ["", "# --- for the app's server: never under a public name, which a build may publish"]
        lines += [f"{name}=" for name in sorted(server)]
    parts = {
        "database": facts.database,
        "functions": facts.functions.value,
        "launcher": answers.launcher,
    }
    proposed = ("always", *(name for name, present in parts.items() if present))
    desk = [variable.name for variable in VARIABLES if variable.proposed in proposed]
    lines += [
        "",
        "# --- for the release desk alone; what is left empty is not used",
        *(f"# {name}=" for name in desk),
    ]
    return "\n".join(lines) + "\n"


def _value(name: str, environment: str, answers: Answers) -> str:
    """A value that is known without asking anybody."""
    if name.endswith("SITE_URL"):
        return answers.urls[environment]
    return environment if name.endswith("_ENVIRONMENT") else ""


def gitignore(content: str, wanted: tuple[str, ...] = GITIGNORE) -> str:
    """The content of `.gitignore`, and the patterns that it lacks."""
    missing = [pattern for pattern in wanted if pattern not in content.splitlines()]
    if not missing:
        return content
    before = content if not content or content.endswith("\n") else content + "\n"
    return before + "\n".join(["", "# the release desk: real values, and what it writes", *missing]) + "\n"


def masking_toml(template: str) -> str:
    """`masking.toml`: its manual, without the rules for the sample app's tables."""
    return template.partition("\n[tables.")[0].rstrip("\n") + "\n"


def shown(facts: Mapping[str, Found]) -> list[str]:
    """One line for each fact: the key, its value, and the file that says so."""
    lines = []
    for key, found in facts.items():
        value: Any = found.value if isinstance(found.value, str) else json.dumps(found.value)
        source = (
            f"  (from `{found.source}`)"
            if "." in found.source
            else f"  ({found.source})"
            if found.source
            else ""
        )
        lines.append(f"{key:<16} {value or '-'}{source}")
        if found.check:
            lines.append(f"{'':<16} check: {found.check}")
    return lines
