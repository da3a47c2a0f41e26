"""Three environments as they should be; every test spoils one thing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from scripts.config import env_files
from scripts.config.settings import Environment, Secrets
from scripts.secrets.check import findings_of
from scripts.secrets.classify import PublicNames
from scripts.secrets.finding import Finding
from scripts.secrets.variables import CheckedEnvironment, Configured, EnvFile, Variable

PROJECTS = {
    "development": "cdefghijklmnopqrstuv",
    "staging": "bcdefghijklmnopqrstu",
    "production": "abcdefghijklmnopqrst",
}
URLS = {name: f"https://airhost-{name[:4]}.replit.app" for name in PROJECTS}
BUILT = ("VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "VITE_ENVIRONMENT", "VITE_SITE_URL")
NOW = 1_795_000_000.0


def jwt(role: str, project: str, end: float = 4_102_444_800) -> str:
    """A key of Supabase's shape."""

    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    signature = base64.urlsafe_b64encode(hashlib.sha256(f"{role}{project}".encode()).digest())
    head, claims = part({"alg": "HS256"}), part({"ref": project, "role": role, "exp": end})
    return f"{head}.{claims}.{signature.decode().rstrip('=')}"


def made_up(*seed: str) -> str:
    """A secret that nobody guesses, the same in every run."""
    return hashlib.sha256("/".join(seed).encode()).hexdigest()[:32]


def good(name: str) -> dict[str, str]:
    """The variables of an environment, nothing wrong with them."""
    project = PROJECTS[name]
    return {
        "VITE_SUPABASE_URL": f"https://{project}.supabase.co",
        "VITE_SUPABASE_ANON_KEY": jwt("anon", project),
        "VITE_ENVIRONMENT": name,
        "VITE_SITE_URL": URLS[name],
        "SUPABASE_SERVICE_ROLE_KEY": jwt("service_role", project),
        "OPENAI_API_KEY": "sk-proj-stagingB7Kq2mZx9Lw4Rt8"
        if name == "staging"
        else f"sk-proj-{made_up(name, 'openai')}",
        "WHATSAPP_VERIFY_TOKEN": made_up(name, "whatsapp"),
        "DATABASE_URL": f"postgresql://postgres@db.{project}.supabase.co:5432/postgres?sslmode=require",
        "DATABASE_PASSWORD": made_up(name, "database"),
        "REPLIT_MCP_TOKEN": made_up(name, "replit"),
    }


def text_of(values: Mapping[str, str]) -> str:
    """A `.env` file's text."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def written(name: str, text: str, exposed: tuple[tuple[str, str], ...] = ()) -> EnvFile:
    """What stands in an environment's file."""
    lines = env_files.parse_lines(text)
    variables = tuple(Variable(key, value, f".env.{name}", number) for number, key, value in lines.entries)
    return EnvFile(name, f".env.{name}", variables, lines.faults, exposed=exposed, causes=lines.causes)


def findings(texts: Mapping[str, str] | None = None, **more: EnvFile) -> tuple[Finding, ...]:
    """What the rules say of the three, those in `texts` or `more` instead of the good ones."""
    files = {name: written(name, text_of(good(name))) for name in PROJECTS}
    files |= {name: written(name, text) for name, text in (texts or {}).items()} | more
    places = [
        Configured(Environment(name, "main", URLS[name], aliases=(name[:4],)), files[name])
        for name in PROJECTS
    ]
    public = PublicNames(Secrets().public_prefixes, BUILT)
    needed = tuple((name, "the build needs it") for name in (*BUILT, "DATABASE_URL", "REPLIT_MCP_TOKEN"))
    return findings_of(
        CheckedEnvironment(
            place,
            tuple(each for each in places if each is not place),
            public,
            needed,
            Secrets().shared,
            NOW,
            first=place is places[0],
        )
        for place in places
    )
