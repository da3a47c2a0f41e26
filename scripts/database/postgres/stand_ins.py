"""Stand-ins for extensions of a hosted project that no package brings, so that such migrations run.

Each is made of SQL alone: what migrations commonly call is there, by the names and parameters of the
documentation, and does nothing outside of the database. Indexes of `vector` take no parameters, which SQL
can't declare; `postgis` has no stand-in.
"""

from __future__ import annotations

from pathlib import Path

SCHEMAS = {
    "pg_graphql": "graphql",
    "pgmq": "pgmq",
    "supabase_vault": "vault",
}  # where a hosted project has them
WITHOUT_INDEXES = ("vector",)  # migrations that give them parameters fail
FOLDER = Path(__file__).with_suffix("")
CONTROL = """comment = 'stand-in of the release desk: {first}'
default_version = '1.0'
relocatable = false
trusted = true
"""


def write_stand_ins(extensions: Path) -> None:
    """Add those that a server lacks to the folder of its extensions."""
    for script in sorted(FOLDER.glob("*.sql")):
        control = extensions / f"{script.stem}.control"
        if control.exists():
            continue
        text = script.read_text(encoding="utf-8")
        (extensions / f"{script.stem}--1.0.sql").write_text(text, encoding="utf-8")
        first = text.partition("\n")[0].removeprefix("-- ").rstrip(".").lower()
        place = f"schema = {SCHEMAS[script.stem]}\n" if script.stem in SCHEMAS else ""
        control.write_text(CONTROL.replace("{first}", first) + place, encoding="utf-8")
