# pure
"""The SQL expression that masks a value, test users, and the function that masks deep JSON.

Expressions are built-in functions alone, so that the server masks a whole table in one pass without a
call of ours for each value. The key is a setting of the session and appears in no statement: it is read
once per statement. Null stays null, empty stays empty; equal values are masked equally.
"""

# ruff: noqa: S608 - names are quoted, and rules were checked
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from scripts.database.postgres.names import split_key
from scripts.database.refresh.rules import NEUTRAL, TEXTS, Column, Rules, masked

FIRST = "Ada Bo Cleo Dana Eli Finn Gwen Hugo Iris Jules Kim Lou Mia Noe Olga Pia Quin Rosa Sam Tess".split()
LAST = "Amber Birch Cedar Dune Elm Fern Grove Hazel Ivy Juniper Lark Maple Oak Pine Reed Sage Vale".split()
PEOPLE = tuple(f"{first} {last}" for last in LAST for first in FIRST)
LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
INLINED = 2  # levels of a document that are masked without a call
KEY = "(select current_setting('desk.key'))"
SALT = f"(select convert_to({KEY} || ':', 'utf8'))"  # once per statement, as the key
_SEED_DIGEST = f"sha256(convert_to({KEY} || ':seed', 'utf8'))"
SEED = f"(select ('x' || left(encode({_SEED_DIGEST}, 'hex'), 16))::bit(64)::bigint)"

# columns of `auth.users` that do not identify a person
HARMLESS = frozenset(
    """instance_id id is_super_admin created_at updated_at is_sso_user is_anonymous deleted_at
    banned_until email_confirmed_at phone_confirmed_at confirmed_at last_sign_in_at""".split()
)
HARMLESS_OF_IDENTITIES = frozenset("id user_id provider last_sign_in_at created_at updated_at".split())
# keys of JSON objects that every app has; any other may be somebody's name
JSON_KEYS = tuple(
    """a b c d e f g h i j k l m n o p q r s t u v w x y z id ids uuid key keys name names type types kind
    value values data meta metadata info item items list lists count total sum size length index order
    position title label description text body content message messages note notes comment comments status
    state code codes number numbers amount price currency unit quantity email mail emails phone phones
    address addresses street city zip postcode country region lang language locale timezone url urls link
    links image images photo photos avatar icon file files path user users user_id owner author sender
    recipient guest guests host property booking created created_at updated updated_at deleted deleted_at
    date dates time start end from to first_name last_name full_name display_name firstName lastName
    fullName displayName username birthday gender age color width height lat lng lon latitude longitude
    version source target parent children child tags tag category categories options option settings
    setting config enabled disabled active visible default required min max error errors reason result
    results response request headers params query page limit offset next previous provider providers sub
    role roles permissions token picture email_verified phone_verified""".split()
)


def expressions(rules: Rules, columns: Sequence[Column], *, dry: bool = False) -> dict[str, dict[str, str]]:
    """Table -> column -> the expression that masks it, for the columns that are masked.

    Args:
        dry: to be checked where the desk's own function (`FUNCTIONS`) does not exist.
    """
    by_table: dict[str, dict[str, str]] = {}
    for column in masked(rules, columns):
        sql = expression(column, rules.of(column), rules.domain, dry=dry)
        by_table.setdefault(column.table, {})[column.name] = sql
    return by_table


def expression(column: Column, rule: str, domain: str, *, dry: bool = False) -> str:
    """The expression that masks a column; it has the column's own type."""
    name, declared = quote(column.name), column.declared or column.kind
    if rule == "null":
        return f"null::{declared}"
    if rule == "empty":
        value = "{}" if column.is_list else NEUTRAL[column.word]
        return f"case when {name} is null then null else '{value}'::{declared} end"
    if not column.is_list:
        return f"({_scalar(name, column, rule, domain, dry=dry)})::{declared}"
    element = _scalar("e", column, rule, domain, dry=dry)
    listed = f"array(select {element} from unnest({name}) with ordinality as u(e, o) order by o)"
    return f"case when {name} is null then null else {listed}::{declared} end"


def _scalar(value: str, column: Column, rule: str, domain: str, *, dry: bool) -> str:
    """The masked value of a column that is no list, or of one element of a list."""
    verb, _, argument = rule.partition(" ")
    if verb == "scrub":
        keys = argument.removeprefix("keep-keys ").split(",") if argument else []
        known = "'" + json.dumps(dict.fromkeys((*JSON_KEYS, *keys), 1)).replace("'", "''") + "'::jsonb"
        return f"{value}::jsonb" if dry else _scrub(f"{value}::jsonb", known)
    if verb == "truncate":
        return f"left({value}::text, {argument})"
    if verb == "hash":
        return _hash(value, column.word)
    if argument == "number":
        return _number(value, column.word)
    if argument == "date":
        return _date(value, column.word)
    place = _small(f"{value}::text")
    fakes = {
        "email": fake_email(f"{value}::text", domain),
        "phone": f"'+999' || lpad(({_bits(f'{value}::text', 12)}::bigint % 100000000000)::text, 11, '0')",
        "name": f"({_array(FIRST)})[1 + {place} % {len(FIRST)}] || ' ' ||"
        f" ({_array(LAST)})[1 + {place} / {len(FIRST)} % {len(LAST)}]",
        "text": f"repeat('x', length({value}::text))",
    }
    return _unless_empty(value, fakes[argument])


def fake_email(text: str, domain: str) -> str:
    """An address of the test domain, the same for upper and lower case."""
    return f"'user-' || {_hex(f'lower({text})', 20)} || '@{domain}'"


def _unless_empty(value: str, masked_value: str) -> str:
    return f"case when {value}::text = '' then '' else {masked_value} end"


def _digest(text: str) -> str:
    return f"sha256({SALT} || convert_to({text}, 'utf8'))"


def _hex(text: str, digits: int = 64) -> str:
    """The first hexadecimal digits of the digest, an even number of them."""
    return f"encode(substr({_digest(text)}, 1, {digits // 2}), 'hex')"


def _bits(text: str, digits: int) -> str:
    """The first hexadecimal digits as a bit string, to be cast to a number."""
    return f"('x' || {_hex(text, digits + digits % 2)})::bit({digits * 4})"


def _small(text: str) -> str:
    """A number of 31 bits, for a choice among a few: quick, and no digest that could be turned round."""
    return f"(hashtextextended({text}, {SEED}) & 2147483647)::int"


def _hash(value: str, word: str) -> str:
    text = f"{value}::text"
    if word in TEXTS:
        return _unless_empty(value, _hex(text, 24))
    return {
        "uuid": f"{_hex(text, 32)}::uuid",
        "bytea": f"sha256({SALT} || {value})",
        "bigint": f"{_bits(text, 13)}::bigint",  # what JavaScript still tells apart
        "inet": f"'10.0.0.0'::inet + {_bits(text, 6)}::int",
        "cidr": f"set_masklen('10.0.0.0'::inet + {_bits(text, 6)}::int, 32)::cidr",
        "macaddr": f"('02' || {_hex(text, 10)})::macaddr",
    }[word]


def _number(value: str, word: str) -> str:
    """Another number with as many digits before and after the point; zero stays zero."""
    number = f"{value}::numeric"
    whole = f"trunc(abs({number}))"
    before = f"length({whole}::text)"
    first = f"(1 + {_small(f'{value}::text')} % 9)::text"
    digits = f"{first} || translate({_hex(f'{value}::text')}, 'abcdef', '012345')"
    padded = f"rpad({digits}, {before} + scale({number}), '0')"
    left = f"case when {whole} = 0 then '0' else left({padded}, {before}) end"
    fake = f"({left} || '.' || substr({padded}, {before} + 1, scale({number})) || '0')::numeric"
    if word in LARGEST:
        fake = f"least({fake}, {LARGEST[word]})"
    elif word == "numeric":
        fake = f"round({fake}, scale({number}))"
    signed = f"sign({number}) * {fake}"
    return f"case when {value}::text in ('NaN', 'Infinity', '-Infinity') then {number} else {signed} end"


def _date(value: str, word: str) -> str:
    """Another day of the same year; a timestamp at another time of day."""
    bits = _small(f"{value}::text")
    year = f"date_trunc('year', {value})"
    fake = (
        f"{year}::date + {bits} % 365"
        if word == "date"
        else f"{year} + {bits} % 31536000 * interval '1 second'"
    )
    return f"case when isfinite({value}) then {fake} else {value} end"


def deletes(rules: Rules) -> tuple[str, ...]:
    """The `delete` of rows that are too old."""
    return tuple(
        f"delete from {table_name(table)} where {quote(name)} < now() - interval '{days} days'"
        for table, (name, days) in rules.rows.items()
    )


def account_updates(columns: Mapping[str, Sequence[str]], rules: Rules) -> tuple[str, ...]:
    """The updates of `auth.users` and `auth.identities`, in this order, if they have such `columns`."""
    users = (users_update(columns["users"], rules),) if "users" in columns else ()
    return (*users, identities_update(columns["identities"])) if "identities" in columns else users


def users_update(columns: Sequence[str], rules: Rules) -> str:
    """The `update` that makes test users of `auth.users`; a column that is not known is emptied."""
    values = {
        "email": f"case when email is null then null else {fake_email('id::text', rules.domain)} end",
        "phone": "null",
        "encrypted_password": f"'{rules.password_hash.replace(chr(39), chr(39) * 2)}'",
        "raw_user_meta_data": "'{}'::jsonb",
        "raw_app_meta_data": "jsonb_build_object('provider', 'email', 'providers', '[\"email\"]'::jsonb)",
        "aud": "case when aud is null then null else 'authenticated' end",
        "role": "case when role in ('service_role', '') then role else 'authenticated' end",
    }
    sets = [
        f"{quote(column)} = {values.get(column, _empty(column))}"
        for column in columns
        if column not in HARMLESS
    ]
    return f"update auth.users set {', '.join(sets)}"


def identities_update(columns: Sequence[str]) -> str:
    """The `update` of `auth.identities`, which reads the masked addresses; an unknown column is emptied."""
    address = "(select u.email from auth.users u where u.id = i.user_id)"
    values = {
        "provider_id": "i.user_id::text",
        "identity_data": f"jsonb_build_object('sub', i.user_id, 'email', {address})",
    }
    sets = [
        f"{quote(column)} = {values.get(column, 'null')}"
        for column in columns
        if column not in HARMLESS_OF_IDENTITIES
    ]
    return f"update auth.identities i set {', '.join(sets) or 'user_id = user_id'}"


def _empty(column: str) -> str:
    """GoTrue can't read a token that is null."""
    return "''" if column.endswith(("_token", "_token_new", "_token_current", "_change")) else "null"


def _array(texts: Sequence[str]) -> str:
    """A constant, so that the server looks its elements up by their hash."""
    quoted = ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "'{" + quoted.replace("'", "''") + "}'::text[]"


def _scrub(value: str, known: str, depth: int = 0) -> str:
    """A document of the same shape. The outer levels are masked in place, deeper ones by the function.

    Keys of objects are values too (`{"Marie Curie": ...}`): what is no key of the object `known` is hashed.
    """
    if depth == INLINED:
        whole = listed = f"desk_mask.scrub({value}, {known})"
    else:
        k, e, o = f"k{depth}", f"e{depth}", f"o{depth}"
        inner = _scrub(e, known, depth + 1)
        key = f"case when {known} ? {k} then {k} else {_hex(k, 24)} end"
        pairs = f"jsonb_object_agg({key}, {inner}) from jsonb_each({value}) as j{depth}({k}, {e})"
        items = f"jsonb_array_elements({value}) with ordinality as j{depth}({e}, {o})"
        whole = f"coalesce((select {pairs}), '{{}}'::jsonb)"
        listed = f"coalesce((select jsonb_agg({inner} order by {o}) from {items}), '[]'::jsonb)"
    return f"""case jsonb_typeof({value})
  when 'string' then to_jsonb(repeat('x', length({value} #>> '{{}}')))
  when 'number' then case when length(({value})::text) > 3 then '0'::jsonb else {value} end
  when 'object' then {whole}
  when 'array' then {listed}
  else {value} end"""


FUNCTIONS = f"""
create schema desk_mask;
create function desk_mask.scrub(v jsonb, known jsonb) returns jsonb stable strict language plpgsql as $$
begin
  return {_scrub("v", "known", INLINED - 1)};
end $$;
"""


def quote(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def table_name(table: str) -> str:
    """`schema.table` in SQL."""
    return ".".join(map(quote, split_key(table)))
