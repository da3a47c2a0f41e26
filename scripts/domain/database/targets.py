"""What of an archive goes into a database: an empty one of a scratch server, or a live one. Pure."""

from __future__ import annotations

from collections.abc import Collection

from scripts.domain.database.toc import ATTACHED, DATA, DATABASE_WIDE, Entry, Lists, is_apps

STOOD_IN = ("auth", "storage", "realtime")  # platform schemas that a scratch server gets from the archive


def beside(lists: Lists, extensions: Collection[str], *, whole: bool) -> tuple[Entry, ...]:
    """What is restored into an empty database of a server that is not Supabase, in the archive's order.

    Everything that can be: of the platform, the tables that the app's own things hang on.

    Args:
        lists: the archive's.
        extensions: what that server can make; what needs another one is not there to be compared.
        whole: its user is a superuser, who may make event triggers too.
    """
    stood_in = [each.entry for each in lists.left_out if _stood_in(each.entry)]
    database = [each for each in lists.database if _can_be_made(each, extensions)]
    extras = [each for each in lists.extras if whole or "EVENT TRIGGER" not in (each.kind, each.tag[:13])]
    extras = [each for each in extras if is_apps(each.schema) or each.schema in (*STOOD_IN, "")]
    chosen = {each.line for each in (*lists.app, *lists.users, *extras, *database, *stood_in)}
    return tuple(each for each in lists.order if each.line in chosen)


def stands(entry: Entry, there: Collection[str]) -> bool:
    """Whether a thing beside the schemas need not be made: it is there, or belongs to one that is.

    `public` is always made anew; defaults and user mappings are the database's, and are left alone.
    """
    if "SCHEMA" in (entry.kind, entry.tag.partition(" ")[0]):
        return False
    if entry.kind in ("DEFAULT ACL", "USER MAPPING"):
        return True
    name = entry.tag if entry.kind in ATTACHED else f"{entry.kind} {entry.tag}"
    return name.replace('"', "") in there


def _stood_in(entry: Entry) -> bool:
    """Part of the definition of a platform schema that the app's own things need."""
    if entry.kind in DATA or entry.kind in (*DATABASE_WIDE, "EVENT TRIGGER", "DEFAULT ACL"):
        return False
    if "SCHEMA" in (entry.kind, entry.tag.partition(" ")[0]):
        return entry.tag.removeprefix("SCHEMA ").strip('"') in (*STOOD_IN, "extensions")
    return entry.schema in STOOD_IN


def _can_be_made(entry: Entry, extensions: Collection[str]) -> bool:
    if entry.kind == "EXTENSION":
        return entry.tag in extensions
    if entry.tag.startswith("EXTENSION "):
        return entry.tag.removeprefix("EXTENSION ").strip('"') in extensions
    return entry.kind not in (
        "FOREIGN DATA WRAPPER",
        "SERVER",
        "USER MAPPING",
    ) and not entry.tag.startswith(("FOREIGN", "SERVER", "USER"))
