"""`env.scan`: whether a built bundle, or a served site, carries a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scripts.config.access import headers_for, only_for
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.secrets import bundle, classify, formats, load
from scripts.secrets.canary import scan_canary_build
from scripts.secrets.check import report
from scripts.secrets.classify import PublicNames
from scripts.secrets.finding import Finding, sort_findings, without_allowed
from scripts.secrets.request import ScanRequest
from scripts.secrets.scan import KnownSecret, ScanInputs, scan
from scripts.secrets.site import Site, read_site
from scripts.secrets.variables import PROCESS, EnvFile, Variable, digest, secrets_among
from scripts.system.command import full_env

DISTINCT = 12  # characters from which on a public value tells one environment from another


def scan_target(desk: Desk, request: ScanRequest) -> Outcome:
    """Scan a folder, or the site at an address; with `canary`, a build of the app's checkout."""
    target = desk.settings.environment(request.env) if request.env else None
    if request.canary:
        return scan_canary_build(desk, Path(request.path).expanduser(), target)
    if not request.path:
        raise Refused("what is to be scanned?", "`invoke env.scan dist`, or `invoke env.scan https://...`")
    inputs = scan_inputs(desk, target)
    elsewhere: tuple[Finding, ...] = ()
    if "://" in request.path:
        site = _whole_site(desk, request.path)
        files, elsewhere = site.files, scripts_elsewhere(desk, site)
    else:
        files = bundle.read_folder(Path(request.path).expanduser())
    findings = sort_findings([*scan_files(desk, files, inputs), *elsewhere])
    megabytes = sum(len(data) for data in files.values()) / 1e6
    return report(findings, f"{request.path}, {len(files)} files, {megabytes:.1f} MB")


def scan_files(desk: Desk, files: Mapping[str, bytes], inputs: ScanInputs) -> tuple[Finding, ...]:
    """The findings in these files, without those that `[[secrets.allow]]` covers today."""
    return without_allowed(scan(files, inputs), desk.settings.secrets.allow, desk.now()[:10])


def scripts_elsewhere(desk: Desk, site: Site) -> tuple[Finding, ...]:
    """What the site loads from other hosts, and nobody looked into; an error if it loads nothing else."""
    found = (
        Finding(
            "LEAK005", "warning" if site.own_scripts else "error", "index.html", None, "",
            f"it loads `{url}` from another host, which was not scanned",
            "scan the folder that was built as well; is that host one that you trust?", digest=digest(url),
        )
        for url in site.elsewhere
    )  # fmt: skip
    return without_allowed(found, desk.settings.secrets.allow, desk.now()[:10])


def _whole_site(desk: Desk, url: str) -> Site:
    """The files of a served site.

    Raises:
        Refused: it could not be read completely, so the scan would prove nothing.
    """
    own = next((each for each in desk.settings if url.startswith(each.url.rstrip("/"))), None)
    headers = headers_for(desk, own) if own else only_for(url, {})
    site = read_site(url, desk.settings.verify.request_timeout, headers=headers)
    if not site.complete or site.missing:
        missing = ", ".join(f"`{file}`" for file in site.missing[:5])
        why = f"it lacks {missing}" if missing else "it is too large"
        raise Refused(
            f"{url} could not be read as a whole: {why}", "scan the folder that was built instead"
        )
    return site


def scan_inputs(desk: Desk, target: Environment | None) -> ScanInputs:
    """Everything that a scan looks for; with a target, also whether it is that environment's bundle.

    Raises:
        DeskError: the target's own values can't be read. (Those of other environments are left out then.)
    """
    public = load.public_names(desk)
    env_files = {
        environment.name: _load(desk, environment, required=target in (None, environment))
        for environment in desk.settings
    }
    secrets = [
        KnownSecret(env_file.environment, secret.name, secret.value)
        for env_file in [*env_files.values(), *_other_sources(desk)]
        for secret in secrets_among(env_file.variables, public)
    ]
    shown = {
        variable.value
        for env_file in env_files.values()
        for variable in env_file.variables
        if _is_shown(public, variable)
    }
    return ScanInputs(
        secrets=tuple(
            secret for secret in secrets if secret.value not in shown or formats.secret_format(secret.value)
        ),
        public=tuple(shown),
        prefixes=public.prefixes,
        own=_distinct(desk, target.name, env_files) if target else {},
        others=tuple(_of_others(desk, target.name, env_files)) if target else (),
    )


def _load(desk: Desk, environment: Environment, *, required: bool) -> EnvFile:
    try:
        return load.load_environment(desk, environment)
    except DeskError:
        if required:
            raise
        desk.progress.note(f"the values of {environment.name} can't be read, so they are not looked for")
        return EnvFile(environment.name, "")


def _is_shown(public: PublicNames, variable: Variable) -> bool:
    """Whether a browser may have the value: the name is public, and it is no secret."""
    prefix = public.prefix(variable.name)
    return prefix is not None and not classify.is_secret(variable.name, variable.value, prefix)


def _other_sources(desk: Desk) -> Iterable[EnvFile]:
    """Other places with secrets: `.local` files, the app's `.env` files, and the process environment."""
    own = {load.file_of(desk.config_folder, environment.name, "file") for environment in desk.settings}
    places = (desk.config_folder, desk.git.folder, desk.app_folder)
    for folder in dict.fromkeys(place.resolve() for place in places):
        for file in load.env_files_in(folder):
            if file not in own:
                yield load.masked(desk, load.load_file(f"`{file.name}`", file))
    variables = tuple(
        Variable(name, value, PROCESS)
        for name, value in full_env().items()
        if classify.is_secret_name(name) and not value.startswith(("/", "~"))  # the path of a key file
    )
    yield EnvFile("the process environment", PROCESS, variables)


def _distinct(desk: Desk, name: str, env_files: Mapping[str, EnvFile]) -> dict[str, str]:
    """The public values by which this environment's bundle differs from the others'."""
    built = desk.settings.app.build_variables
    elsewhere = {
        env_file.value(variable)
        for other, env_file in env_files.items()
        if other != name
        for variable in built
    }
    values = {variable: env_files[name].value(variable) for variable in built}
    return {
        variable: value
        for variable, value in values.items()
        if len(value) >= DISTINCT and value not in elsewhere
    }


def _of_others(desk: Desk, name: str, env_files: Mapping[str, EnvFile]) -> Iterator[tuple[str, str, str]]:
    for other in env_files:
        if other != name:
            for variable, value in _distinct(desk, other, env_files).items():
                yield other, variable, value
