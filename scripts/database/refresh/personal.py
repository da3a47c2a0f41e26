# pure
"""Which columns may identify a person, and so need a rule; and the rule that fits each of them best.

Default deny: a column needs a rule unless its type and its part in the table say that it can't identify
anybody. A name that says otherwise (`account_no`) counts more than either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from scripts.database.refresh.rules import DATES, JSON, NUMBERS, TEXTS, Column, Rules, unfit

INTEGERS = ("smallint", "integer", "bigint", "oid")
HARMLESS = ("boolean", "enum")
# Words of a name, in the languages that the team's tables are likely to be named in.
MAIL = frozenset("mail email emails courriel mel correo".split())
PHONE = frozenset(
    "phone telephone telefon telefono tel mobile mobil handy gsm fax whatsapp sender msisdn".split()
)
NAMES = frozenset(
    "name nom prenom vorname nachname firstname lastname surname fullname username nickname forename"
    " displayname apellido nombre cognome".split()
)
OTHER = frozenset(
    "birth birthday birthdate born dob geburt geburtstag geburtsdatum naissance nacimiento nascita age"
    " alter salary salaries gehalt lohn salaire sueldo wage wages income revenue lat lon lng latitude"
    " longitude gps geo geom location position coords pin puk cvv cvc iban bic swift account konto"
    " kontonummer compte card pan ssn nin nir sin nif nie dni cpf bsn passport passeport ausweis license"
    " licence permit plate kennzeichen siret siren vat tax steuer steuernummer insurance medical patient"
    " health diagnosis weight height blood gender sex religion ethnicity nationality ip mac imei imsi token"
    " secret password passwd otp address adresse anschrift direccion street strasse rue zip plz postcode"
    " postal signature".split()
)
TELLING = MAIL | PHONE | (NAMES - {"name"}) | OTHER
# those that count within a longer word too (`telefonnummer`)
STEMS = (*sorted(word for word in TELLING if len(word) > 5), "phone", "birth", "email", "konto", "handy")
# a number that people are known by, though its name ends like that of a key
KNOWN_BY = re.compile(
    r"(tax|national|personal|person|citizen|health|insurance|government)_?(id|no|nr|number)"
)
SYSTEM_TIME = re.compile(
    r"(row_)?(created|updated|deleted|inserted|modified|changed|archived|published|synced|imported|processed"
    r"|refreshed)(_?(at|on|time|date|ts|timestamp))?"
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


def words(name: str) -> list[str]:
    """The words of a name in snake case or camel case, in lower case and without accents."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return [word.lower() for word in WORD.findall(plain)]


def is_telling(name: str) -> bool:
    """Whether a column's name says that its values may identify a person."""
    parts = words(name)
    if KNOWN_BY.search(name.lower()):
        return True
    if parts[-1:] == ["id"]:  # `address_id` is the key of an address
        return False
    return any(part in TELLING or any(stem in part for stem in STEMS) for part in parts)


def needs_rule(column: Column) -> bool:
    """Whether the column may identify a person."""
    if column.generated or column.kind in HARMLESS or (column.word == "uuid" and column.key):
        return False
    if is_telling(column.name):
        return True
    if column.kind.endswith("[]"):
        return True
    if column.word in INTEGERS and (column.key or column.numbered):
        return False
    is_time = column.word.startswith("timestamp")
    return not (is_time and (column.clock or SYSTEM_TIME.fullmatch(column.name.lower())))


def missing(rules: Rules, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns that need a rule and have none."""
    return tuple(column for column in columns if not rules.of(column) and needs_rule(column))


def proposal(rules: Rules, columns: Sequence[Column]) -> str:
    """A rule for each column that lacks one, as lines for `masking.toml`; "" if none does."""
    by_path = {column.path: column for column in columns}
    lines: list[str] = []
    table = ""
    for column in missing(rules, columns):
        if column.table != table:
            table = column.table
            lines.append(f"[tables.{_quoted(table)}]")
        rule = propose(column, by_path, rules)
        lines.append(f"{_quoted(column.name)} = {_quoted(rule)}")
    return "\n".join(lines)


def propose(column: Column, by_path: Mapping[str, Column], rules: Rules, depth: int = 0) -> str:
    """The rule that suits a column best; for a person to look at."""
    for path in column.keys:
        if path in by_path and path != column.path and depth < len(by_path):
            parent = by_path[path]
            return rules.of(parent) or (
                propose(parent, by_path, rules, depth + 1) if needs_rule(parent) else "keep"
            )
    fitting = (rule for rule in _candidates(column) if not any(unfit(column, rule)))
    return next(fitting, "keep")


def _candidates(column: Column) -> Iterator[str]:
    """Rules for a column, the best one first."""
    telling = is_telling(column.name)
    if column.word in TEXTS:
        yield from _for_text(column, set(words(column.name)), telling=telling)
    elif column.word in JSON:
        yield "scrub"
    elif column.word in NUMBERS:
        yield "fake number" if telling else "keep"
    elif column.word in DATES:
        yield "fake date" if telling else "keep"
    elif column.word in ("uuid", *HARMLESS):
        yield "hash" if telling else "keep"
    yield from ("null", "empty", "hash")


def _for_text(column: Column, parts: set[str], *, telling: bool) -> Iterator[str]:
    if parts & MAIL:
        yield "fake email"
    elif parts & PHONE:
        yield "fake phone"
    elif parts & NAMES:
        yield "fake name"
    if column.checked and not telling:  # a made-up value would not pass the check
        yield from ("null", "keep")
    yield "hash" if column.unique or column.key else "fake text"


def _quoted(text: str) -> str:
    """A TOML string or key."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
