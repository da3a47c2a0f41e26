"""What a run must be able to reach, and whether this machine's certificates and proxies let it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scripts.config.settings import Settings
from scripts.errors import ConfigError
from scripts.system import network
from scripts.system.proxies import check_proxies, proxies, proxy_for, try_proxy


def addresses(settings: Settings, remotes: Iterable[str]) -> Iterator[str]:
    """The addresses of the remote, the apps and the services that the configuration names."""
    yield from remotes
    yield from (settings.secrets.supabase_api, settings.secrets.github_api)
    for environment in settings:
        yield environment.url
        if environment.publish == "mcp":
            yield environment.mcp_url


def check_reach(
    settings: Settings, remotes: Callable[[], Iterable[str]], note: Callable[[str], None]
) -> None:
    """Refuse a run that certificates or proxies of this machine would stop halfway.

    A proxy that none of the addresses needs is only noted, where it can't be used.

    Args:
        remotes: reads the addresses of the git remote; asked where there is a proxy.

    Raises:
        ConfigError: a variable names a file that can't be read, or a proxy that can't be used.
    """
    network.trusted()
    if not proxies():
        return
    urls = tuple(addresses(settings, remotes()))
    check_proxies(urls)
    needed = {proxy_for(url) for url in urls}
    for proxy in sorted({*proxies().values()} - needed):
        try:
            try_proxy(proxy)
        except ConfigError as fault:
            note(f"warning: {fault.message}; {fault.hint}")
