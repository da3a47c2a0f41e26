# pure
"""The SQL that masks a copy: one `update` per table, test users, and the functions that these call."""

# ruff: noqa: S608 - names are quoted, and rules were checked
from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.database.refresh.rules import Column, Rules, masked

FIRST = "Ada Bo Cleo Dana Eli Finn Gwen Hugo Iris Jules Kim Lou Mia Noe Olga Pia Quin Rosa Sam Tess".split()
LAST = "Amber Birch Cedar Dune Elm Fern Grove Hazel Ivy Juniper Lark Maple Oak Pine Reed Sage Vale".split()


# columns of `auth.users` that do not identify a person
HARMLESS = frozenset(
    """instance_id id aud role is_super_admin created_at updated_at is_sso_user is_anonymous deleted_at
    banned_until email_confirmed_at phone_confirmed_at confirmed_at last_sign_in_at""".split()
)
IDENTITIES = """update auth.identities i set provider_id = i.user_id::text, identity_data =
jsonb_build_object('sub', i.user_id, 'email', (select u.email from auth.users u where u.id = i.user_id))"""


def updates(rules: Rules, columns: Sequence[Column]) -> tuple[str, ...]:
    """One `update` per table; they call the functions of the schema `desk_mask` (see `FUNCTIONS`)."""
    by_table: dict[str, list[str]] = {}
    for column in masked(rules, columns):
        expression = _expression(column, rules.of(column), rules.domain)
        by_table.setdefault(column.table, []).append(f"{quote(column.name)} = {expression}")
    return tuple(f"update {_table(table)} set {', '.join(sets)}" for table, sets in by_table.items())


def deletes(rules: Rules) -> tuple[str, ...]:
    """The `delete` of rows that are too old."""
    return tuple(
        f"delete from {_table(table)} where {quote(name)} < now() - interval '{days} days'"
        for table, (name, days) in rules.rows.items()
    )


def account_updates(columns: Mapping[str, Sequence[str]], rules: Rules) -> tuple[str, ...]:
    """The updates of `auth.users` and `auth.identities`, in this order, if they have such `columns`."""
    users = (users_update(columns["users"], rules),) if "users" in columns else ()
    return (*users, IDENTITIES) if "identities" in columns else users


def users_update(columns: Sequence[str], rules: Rules) -> str:
    """The `update` that makes test users of `auth.users`; a column that is not known is emptied."""
    address = f"desk_mask.fake_email(id::text, '{rules.domain}')"
    values = {
        "email": f"case when email is null then null else {address} end",
        "phone": "null",
        "encrypted_password": f"'{rules.password_hash.replace(chr(39), chr(39) * 2)}'",
        "raw_user_meta_data": "'{}'::jsonb",
        "raw_app_meta_data": "jsonb_build_object('provider', 'email', 'providers', '[\"email\"]'::jsonb)",
    }
    sets = [
        f"{quote(column)} = {values.get(column, _empty(column))}"
        for column in columns
        if column not in HARMLESS
    ]
    return f"update auth.users set {', '.join(sets)}"


def _empty(column: str) -> str:
    """GoTrue can't read a token that is null."""
    return "''" if column.endswith(("_token", "_token_new", "_token_current", "_change")) else "null"


def _expression(column: Column, rule: str, domain: str) -> str:
    name = quote(column.name)
    if rule == "null":
        return "null"
    if column.kind.endswith("[]"):
        if rule == "empty":
            return f"case when {name} is null then null else '{{}}'::{column.kind} end"
        element = _scalar("e", rule, domain, column.length)
        array = f"array(select {element} from unnest({name}) with ordinality as u(e, o) order by o)"
        return f"case when {name} is null then null else {array}::{column.kind} end"
    if rule == "empty":
        value = "'{}'" if column.kind in ("json", "jsonb") else "''"
        return f"case when {name} is null then null else {value}::{column.kind} end"
    if rule == "scrub":
        return f"desk_mask.scrub({name}::jsonb)::{column.kind}"
    return _scalar(name, rule, domain, column.length)


def _scalar(value: str, rule: str, domain: str, length: int | None) -> str:
    verb, _, argument = rule.partition(" ")
    if verb == "truncate":
        expression = f"left({value}::text, {argument})"
    elif verb == "hash":
        expression = f"desk_mask.hash({value}::text)"
    else:
        address = f", '{domain}'" if argument == "email" else ""
        expression = f"desk_mask.fake_{argument}({value}::text{address})"
    return f"left({expression}, {length})" if length else expression


def _array(names: Sequence[str]) -> str:
    return "array[" + ", ".join(f"'{name}'" for name in names) + "]"


# The key is a setting of the session and appears in no statement. Null stays null, empty stays empty.
FUNCTIONS = rf"""
create schema desk_mask;
create function desk_mask.hash(v text) returns text stable strict language sql as $$
  select case when v = '' then '' else left(encode(sha256(convert_to(
    current_setting('desk.key') || ':' || v, 'utf8')), 'hex'), 24) end $$;
create function desk_mask.fake_email(v text, domain text) returns text stable strict language sql as $$
  select case when v = '' then '' else
    'user-' || left(desk_mask.hash(lower(v)), 20) || '@' || domain end $$;
create function desk_mask.fake_phone(v text) returns text stable strict language sql as $$
  select case when v = '' then '' else '+999' || lpad((('x' || left(desk_mask.hash(v), 12))::bit(48)::bigint
    % 100000000000)::text, 11, '0') end $$;
create function desk_mask.fake_name(v text) returns text stable strict language sql as $$
  select case when v = '' then '' else ({_array(FIRST)})[1 + d % {len(FIRST)}] || ' ' ||
    ({_array(LAST)})[1 + d / {len(FIRST)} % {len(LAST)}] end
  from (select ('x' || left(desk_mask.hash(v), 7))::bit(28)::int as d) digest $$;
create function desk_mask.fake_text(v text) returns text immutable strict language sql as $$
  select repeat('x', length(v)) $$;
create function desk_mask.scrub(v jsonb) returns jsonb stable strict language plpgsql as $$
begin
  return case jsonb_typeof(v)
    when 'string' then to_jsonb(repeat('x', length(v #>> '{{}}')))
    when 'number' then case when length(v::text) > 5 then '0'::jsonb else v end
    when 'array' then (select coalesce(jsonb_agg(desk_mask.scrub(e) order by o), '[]'::jsonb)
      from jsonb_array_elements(v) with ordinality as a(e, o))
    when 'object' then (select coalesce(jsonb_object_agg(case when k ~ '^[A-Za-z_][A-Za-z_ -]{{0,40}}$'
      then k else desk_mask.hash(k) end, desk_mask.scrub(e)), '{{}}'::jsonb) from jsonb_each(v) as o(k, e))
    else v end;
end $$;
"""


def quote(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _table(table: str) -> str:
    return ".".join(quote(part) for part in table.split(".", 1))
