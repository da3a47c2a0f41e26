"""One look at one check: the I/O. What it means is decided in `judge.py`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock as Mutex
from urllib.parse import urlencode, urlsplit

from scripts.config.access import headers_for
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog
from scripts.database.edge_functions.observe import function_problems
from scripts.database.migrations.differences import history_problems
from scripts.database.migrations.files import applied_migrations, compare, folder_of
from scripts.database.postgres.client import required_postgres
from scripts.errors import ConfigError, DeskError, Refused
from scripts.http import HEADERS, FetchError, Response, fetch
from scripts.monitor import judge
from scripts.monitor.checks import Check, Look
from scripts.monitor.judge import Figures
from scripts.monitor.sentry_issues import new_issues
from scripts.notify import deliver
from scripts.replit import live
from scripts.state.ledger import Event
from scripts.state.lock import lock_ref
from scripts.state.remote import Remote, observe_remote, read_lock
from scripts.system.connection import Phases, addresses, certificate

MOST_BYTES = 1024 * 1024  # of an answer that are read
CHALLENGE = "desk-monitor"
FIGURES = """
select (select count(*) from pg_stat_activity where backend_type = 'client backend'),
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0),
  coalesce((select max(extract(epoch from now() - query_start)) from pg_stat_activity
    where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid()), 0)::float8,
  pg_database_size(current_database())
"""


@dataclass
class Round:
    """One pass, or the second look of one: what several looks share is read once, and never kept longer.

    Args:
        now: seconds since 1970.
        locks: environment -> where its lock's ref was seen last, and since when; outlives the round.
    """

    desk: Desk
    now: float
    locks: dict[str, tuple[str, float]] = field(default_factory=dict)
    fetch: Callable[..., Response] = fetch
    _known: dict[str, object] = field(default_factory=dict)
    _mutex: Mutex = field(default_factory=Mutex)
    _mutexes: dict[str, Mutex] = field(default_factory=dict)

    def once(self, name: str, read: Callable[[], object]) -> object:
        """What `read` gives, or the fault that it raised, asked once for all who want it."""
        with self._mutex:
            mutex = self._mutexes.setdefault(name, Mutex())
        with mutex:
            if name not in self._known:
                try:
                    self._known[name] = read()
                except DeskError as fault:
                    self._known[name] = fault
        found = self._known[name]
        if isinstance(found, DeskError):
            raise found
        return found

    def remote(self) -> Remote:
        """Refs and ledger."""
        found = self.once("remote", lambda: observe_remote(self.desk))
        assert isinstance(found, Remote)  # noqa: S101 - for mypy
        return found

    def figures(self, environment: Environment) -> Figures:
        """What the database says of itself."""
        found = self.once(f"figures {environment.name}", lambda: _figures(self.desk, environment))
        assert isinstance(found, Figures)  # noqa: S101 - for mypy
        return found

    def still(self, environment: Environment) -> float | None:
        """Seconds for which the lock's ref has not moved; None where there is no lock."""
        ref = self.remote().refs.get(lock_ref(environment.name))
        if ref is None:
            self.locks.pop(environment.name, None)
            return None
        if self.locks.get(environment.name, ("", 0.0))[0] != ref:
            self.locks[environment.name] = (ref, self.now)
        return self.now - self.locks[environment.name][1]

    def released(self, environment: Environment) -> Event:
        """The live release.

        Raises:
            Refused: there is none, or the ledger can't be read.
        """
        try:
            found = self.remote().ledger.live(environment.name)
        except DeskError as fault:
            raise Refused(f"the ledger can't be read: {fault.message.splitlines()[0]}") from None
        if found is None:
            raise Refused("nothing was released here yet")
        return found


def look_at(made: Round, check: Check) -> Look:
    """One look; whatever goes wrong is its result."""
    environment = made.desk.settings.environments[check.environment]
    try:
        return PROBES[check.kind](made, environment, check)
    except FetchError as fault:
        return judge.bad(fault.why)
    except Refused as fault:  # a missing setting or value: nothing could be asked
        return judge.unknown(fault.message.splitlines()[0])
    except DeskError as fault:
        return judge.bad(fault.message.splitlines()[0])
    except Exception as fault:  # noqa: BLE001 - our own bug in one probe must not end the watch
        return judge.unknown(f"the look itself failed ({type(fault).__name__})")


def _http(made: Round, environment: Environment, check: Check) -> Look:
    path = check.wanted.path
    whole = path.startswith(("http://", "https://"))
    url = path if whole else environment.url.rstrip("/") + path
    return _page(made, check, url, headers_for(made.desk, environment)(url))


def _rest(made: Round, environment: Environment, check: Check) -> Look:
    base, headers = _supabase(made.desk, environment)
    return _page(made, check, f"{base}/rest/v1{check.wanted.path}", headers)


def _page(made: Round, check: Check, url: str, headers: Mapping[str, str]) -> Look:
    """An address, asked again at once where the first answer may be that of an app that wakes up."""
    monitor = made.desk.settings.monitor
    look = _timed(made, check, url, headers, max(monitor.timeout, monitor.cold_start))
    cold = look.seconds or 0.0
    if cold > monitor.timeout and monitor.cold_start:
        look = _timed(made, check, url, headers, monitor.timeout)._replace(cold=cold)
    return judge.pace(look, (check.wanted.slow or monitor.slow) / 1000)


def _timed(made: Round, check: Check, url: str, headers: Mapping[str, str], seconds: float) -> Look:
    phases = Phases()
    try:
        response = made.fetch(
            url, seconds=seconds, most_bytes=MOST_BYTES, headers={**HEADERS, **headers}, phases=phases
        )
        look = judge.page(check.wanted, response)
    except FetchError as fault:
        look = judge.bad(fault.why)
    phases.pop("start", None)
    return look._replace(seconds=round(sum(phases.values()) / 1000, 4), phases=dict(phases))


def _supabase(desk: Desk, environment: Environment) -> tuple[str, dict[str, str]]:
    """The address of Supabase's API, and the headers with the public key."""
    values, load = desk.values(environment), desk.settings.load
    if not values.get(load.rest):
        raise ConfigError(f"`{load.rest}` of {environment.name} is not set")
    key = values.get(load.rest_key, "")
    return values[load.rest].rstrip("/"), {**HEADERS, **({"apikey": key} if key else {})}


def _service(path: str) -> Probe:
    def probe(made: Round, environment: Environment, _check: Check) -> Look:
        base, headers = _supabase(made.desk, environment)
        return judge.health(_ask(made, f"{base}{path}", headers=headers))

    return probe


def _function(made: Round, environment: Environment, check: Check) -> Look:
    base, headers = _supabase(made.desk, environment)
    headers |= {"Origin": environment.url, "Access-Control-Request-Method": "POST"}
    url = f"{base}/functions/v1{check.wanted.path}"
    return judge.edge_function(_ask(made, url, method="OPTIONS", headers=headers))


def _whatsapp(made: Round, environment: Environment, check: Check) -> Look:
    token = made.desk.values(environment).get("WHATSAPP_VERIFY_TOKEN", "")
    if not token:
        raise ConfigError(f"`WHATSAPP_VERIFY_TOKEN` of {environment.name} is not set")
    url = environment.url.rstrip("/") + check.wanted.path
    headers = {**HEADERS, **headers_for(made.desk, environment)(url)}

    def handshake(verify: str) -> Response:
        asked = {"hub.mode": "subscribe", "hub.verify_token": verify, "hub.challenge": CHALLENGE}
        return _ask(made, f"{url}?{urlencode(asked)}", headers=headers)

    body = b'{"object":"whatsapp_business_account","entry":[]}'  # no message, should it be taken
    digest = hmac.new(secrets.token_bytes(16), body, hashlib.sha256).hexdigest()
    signed = {**headers, "Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}
    unsigned = _ask(made, url, method="POST", headers=signed, body=body)
    return judge.whatsapp(handshake(token), handshake(secrets.token_hex(8)), unsigned, CHALLENGE)


def _ask(made: Round, url: str, **request: object) -> Response:
    return made.fetch(url, seconds=made.desk.settings.monitor.timeout, most_bytes=MOST_BYTES, **request)


def _sentry(made: Round, environment: Environment, check: Check) -> Look:
    released, monitor = made.released(environment), made.desk.settings.monitor
    found = new_issues(made.desk, environment, released.commit, monitor.timeout)
    return judge.issues(found.number, found.newest, check.wanted.max_issues)


def _commit(made: Round, environment: Environment, _check: Check) -> Look:
    released = made.released(environment)
    answer = live.look(made.desk, environment)
    return judge.commit(live.Answer(**{**vars(answer), "pages": ()}), released, environment.name)


def _dns(made: Round, environment: Environment, _check: Check) -> Look:
    host = urlsplit(environment.url).hostname or ""
    try:
        found = addresses(host, made.desk.settings.monitor.timeout)
    except OSError as fault:
        return judge.bad(f"`{host}` has no address: {fault.strerror or 'no answer'}")
    return Look("good", ", ".join(found[:3]))


def _tls(made: Round, environment: Environment, _check: Check) -> Look:
    parts, monitor = urlsplit(environment.url), made.desk.settings.monitor
    shown = certificate(parts.hostname or "", parts.port or 443, monitor.timeout)
    return judge.certificate(shown, made.now, monitor.tls_days)


def _figures(desk: Desk, environment: Environment) -> Figures:
    with required_postgres(desk, environment).session() as connection:
        row = connection.execute(FIGURES).fetchone()
    return Figures(*(row or (0, 1, 0.0, 0)))


def _database(made: Round, environment: Environment, _check: Check) -> Look:
    made.figures(environment)
    return judge.GOOD


def _figure(judged: Callable[..., Look]) -> Probe:
    def probe(made: Round, environment: Environment, _check: Check) -> Look:
        try:
            figures = made.figures(environment)
        except DeskError:
            return judge.unknown("the database does not answer")  # `database` says why
        return judged(figures, made.desk.settings.monitor)

    return probe


def _migrations(made: Round, environment: Environment, _check: Check) -> Look:
    released = made.released(environment)
    try:
        made.figures(environment)
    except DeskError:
        return judge.unknown("the database does not answer")
    applied = applied_migrations(made.desk, environment) or ()
    comparison = compare(folder_of(made.desk, released.commit).migrations, applied)
    lacks = [f"`{each.file}` of {released.release} is not applied" for each in comparison.pending]
    return judge.problems([*history_problems(comparison), *lacks])


def _functions(made: Round, environment: Environment, _check: Check) -> Look:
    released = made.released(environment)
    return judge.problems(function_problems(made.desk, environment, released, made.remote().ledger))


def _backup(made: Round, environment: Environment, _check: Check) -> Look:
    records = catalog.records(made.remote().ledger, environment.name)
    kept = [name for name, record in records.items() if not record.pruned and not record.fault]
    max_age = made.desk.settings.backup.max_age
    stale = catalog.why_stale(records, made.desk.now(), max_age, kept)
    return judge.problems([stale] if stale else [])


def _drill(made: Round, environment: Environment, _check: Check) -> Look:
    before = made.desk.settings.before(environment)
    proof = made.remote().ledger.proof(before.name, "drill") if before else None
    return judge.drill(proof, made.desk.now(), environment.drill_days)


def _lock(made: Round, environment: Environment, _check: Check) -> Look:
    still = made.still(environment)
    lock = read_lock(made.desk, made.remote().refs, environment)
    if still is None or lock is None:
        return judge.GOOD
    return judge.held(lock, made.desk.now(), made.desk.settings.monitor.lock_minutes, still)


def _notices(made: Round, environment: Environment, _check: Check) -> Look:
    waiting = deliver.undelivered(made.desk, environment)
    return judge.warn(f"{waiting} notices wait to be delivered") if waiting else judge.GOOD


def _remote(made: Round, _environment: Environment, _check: Check) -> Look:
    made.remote()
    return judge.GOOD


Probe = Callable[[Round, Environment, Check], Look]
PROBES: Mapping[str, Probe] = {
    "http": _http,
    "rest": _rest,
    "function": _function,
    "whatsapp": _whatsapp,
    "sentry": _sentry,
    "commit": _commit,
    "dns": _dns,
    "tls": _tls,
    "database": _database,
    "connections": _figure(judge.connections),
    "queries": _figure(judge.queries),
    "size": _figure(judge.size),
    "migrations": _migrations,
    "supabase-rest": _service("/rest/v1/"),
    "supabase-auth": _service("/auth/v1/health"),
    "functions": _functions,
    "backup": _backup,
    "drill": _drill,
    "lock": _lock,
    "notices": _notices,
    "remote": _remote,
}
