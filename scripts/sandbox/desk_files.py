"""The configuration of a world in `env/`: what a team would write by hand for its own app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from scripts import DESK
from scripts.database.postgres.local_server import TEMPLATE
from scripts.sandbox import own_app
from scripts.sandbox.host_config import write_private
from scripts.sandbox.world_facts import Environment, World
from scripts.setup.proposal import masking_toml

HEAD = """\
# The sandbox's own configuration; every key is explained in the shipped `env/pipeline.toml`.
chain = ["development", "staging", "production"]

[app]
name = "airhost"
repository = {clone}
build_variables = ["VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "VITE_ENVIRONMENT", "VITE_SITE_URL"]

[verify]
timeout = 20
interval = 0.5
request_timeout = 3
window = 0.3

[lock]
heartbeat = 1
ttl = 5
wait = 120

[drill]
file = "server/home.js"
text = "export function home() {{ throw new Error('broken on purpose by a drill'); }}"

[notices]
budget = 3

[sentry]
organization = "sandbox"
projects = ["sandbox"]
url = {sentry}

[secrets]
supabase_api = {api}

[e2e]
min_tests = 10
min_smoke_tests = 4
timeout = 120
variables = ["WHATSAPP_VERIFY_TOKEN"]
cleanup = [
  "delete from public.bookings where guest_email like 'e2e-%@example.invalid'",
  "delete from public.messages where whatsapp_id like 'wamid.e2e-%'",
]

[load]
think = 0.3

[load.mix]
browse = 50
search = 30
book = 10
whatsapp = 10
"""

ENVIRONMENT = """
[environment.{name}]
aliases = [{alias}]
branch = {branch}
url = {url}
guarded = {guarded}
ssh_host = {host}
ssh_config = "ssh_config"
workspace = {workspace}
publish = {publish}
repl_id = {repl_id}
mcp_url = {mcp_url}
"""
LOAD = """
[environment.{name}.load]
writes = true
"""

PREVIEW = """
[preview]
ttl = "1d"
template = {template}
"""
SLOT = """
[preview.slots.{name}]
url = {url}
ssh_host = {host}
ssh_config = "ssh_config"
workspace = {workspace}
publish = {publish}
repl_id = {repl_id}
mcp_url = {mcp_url}
"""

ACCESS = """
[environment.{name}.access]
header = "Authorization"
"""

ALIASES = {"development": "dev", "staging": "stage", "production": "prod"}


def write_desk_files(world: World) -> None:
    """Write `pipeline.toml`, `masking.toml` and a `.env` file for each environment (0600) into `env/`."""
    world.env_dir.mkdir(exist_ok=True)
    own = own_app.load(world.folder)
    text = own_app.pipeline_of(world, own) if own else _sample_pipeline(world)
    (world.env_dir / "pipeline.toml").write_text(text)
    masking = world.env_dir / "masking.toml"
    if not masking.exists():  # a person may be trying rules in it
        shipped = (DESK / "env" / "masking.toml").read_text()
        masking.write_text(masking_toml(shipped) if own else shipped)
    for environment in world.environments:
        values = own_app.values_of(environment, own) if own else environment.build_values
        write_private(world.env_dir / f".env.{environment.name}", _values(world, environment, values))
    if world.slots:
        write_private(world.env_dir / ".env.preview", _preview_values(world))


def _sample_pipeline(world: World) -> str:
    tables = [_table(environment) + _access(environment) for environment in world.environments]
    head = HEAD.format(
        clone=_quoted(world.clone),
        api=_quoted(world.environments[0].api_url),
        sentry=_quoted(world.inbox_url),
    )
    return "".join([head, *tables, *_preview_tables(world)])


def _preview_tables(world: World) -> list[str]:
    slots = [
        SLOT.format(
            name=slot.name,
            url=_quoted(slot.url),
            host=_quoted(slot.alias),
            workspace=_quoted(slot.workspace),
            publish=_quoted("launcher" if slot.launcher_token else "mcp"),
            repl_id=_quoted(slot.repl_id),
            mcp_url=_quoted(slot.mcp_url),
        )
        for slot in world.slots
    ]
    return [PREVIEW.format(template=_quoted(TEMPLATE)), *slots] if slots else []


def _preview_values(world: World) -> str:
    """Of all slots, and after their names of each: addresses, and the token of Publish."""
    values = {
        "VITE_ENVIRONMENT": "preview",
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{world.postgres_port}/postgres",
        "DATABASE_PASSWORD": world.password,
    }
    for slot in world.slots:
        own = {
            "VITE_SUPABASE_URL": slot.api_url,
            "VITE_SUPABASE_ANON_KEY": slot.anon_key,
            "VITE_SITE_URL": slot.url,
            "REPLIT_MCP_TOKEN": slot.mcp_token,
            **({"LAUNCHER_TOKEN": slot.launcher_token} if slot.launcher_token else {}),
        }
        values |= {f"{slot.name.upper()}_{name}": value for name, value in own.items()}
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _table(environment: Environment) -> str:
    text = ENVIRONMENT if environment.name == "production" else ENVIRONMENT + LOAD
    return text.format(
        name=environment.name,
        alias=_quoted(ALIASES[environment.name]),
        branch=_quoted(environment.branch),
        url=_quoted(environment.url),
        guarded=_quoted(environment.name == "production"),
        host=_quoted(environment.alias),
        workspace=_quoted(environment.workspace),
        publish=_quoted("launcher" if environment.launcher_token else "mcp"),
        repl_id=_quoted(environment.repl_id),
        mcp_url=_quoted(environment.mcp_url),
    )


def _access(environment: Environment) -> str:
    return ACCESS.format(name=environment.name) if environment.host_config().access() else ""


def _values(world: World, environment: Environment, of_the_build: Mapping[str, str]) -> str:
    access = environment.host_config().access()
    address = f"postgresql://postgres@127.0.0.1:{world.postgres_port}/{environment.database}"
    values = {
        **of_the_build,
        "SUPABASE_PROJECT_ID": environment.project,
        "SUPABASE_ACCESS_TOKEN": world.access_token,
        **{key: value for key, value in environment.secrets.items() if key != "DATABASE_URL"},
        "DATABASE_URL": address,
        "DATABASE_PASSWORD": world.password,
        "REPLIT_MCP_TOKEN": environment.mcp_token,
        **({"LAUNCHER_TOKEN": environment.launcher_token} if environment.launcher_token else {}),
        **({"REPLIT_ACCESS_TOKEN": access.token} if access else {}),
        "SLACK_WEBHOOK_URL": world.webhook("slack", environment.name),
        "DISCORD_WEBHOOK_URL": world.webhook("discord", environment.name),
        "SENTRY_AUTH_TOKEN": world.inbox_token,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _quoted(value: object) -> str:
    """A TOML value: its basic strings and booleans are those of JSON."""
    return json.dumps(str(value) if isinstance(value, Path) else value)
