"""pytest as a child process: its command line, its JUnit report, and traces cleaned of secrets."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.quality.digests import SHIPPED_TESTS
from scripts.system.command import Command

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
PACKAGES = ("playwright", "axe_playwright_python")
REPORT = "junit.xml"
OBSERVER, FIXTURES = "release_desk_observer", "release_desk_fixtures"  # as the child knows them

JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
HEADER = re.compile(
    r'("name":"(?:authorization|proxy-authorization|cookie|set-cookie|apikey|x-hub-signature-256)",'
    r'"value":")(?:[^"\\]|\\.)*"',
    re.IGNORECASE,
)
COOKIES = re.compile(r'"cookies":\[[^\]]*\]')
BINARY = (".jpeg", ".jpg", ".png", ".webp", ".woff2", ".ttf")
TEXT = (".xml", ".html", ".txt", ".log", ".json")


@dataclass(frozen=True)
class PytestRun:
    """One run of browser tests.

    Args:
        folder: the tests.
        reports: the folder for the report and the artefacts.
        smoke: run only the tests that are marked `smoke`.
        only: as `pytest -k`.
        variables: added to the clean environment.
        timeout: seconds.
        plugins: a folder that `add_plugins` filled.
        names: the plugins of it that are loaded.
    """

    folder: Path
    reports: Path
    smoke: bool
    only: str
    variables: Mapping[str, str]
    timeout: float
    plugins: Path
    names: tuple[str, ...] = (OBSERVER,)

    @property
    def report(self) -> Path:
        """The JUnit file."""
        return self.reports / REPORT

    def command(self) -> Command:
        """The call. The folder's own `pytest.ini` applies, the caller's environment does not."""
        selection = [*(("-m", "smoke") if self.smoke else ()), *(("-k", self.only) if self.only else ())]
        argv = (
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-rfEs",
                "--tb=short",
                "--color=no",
                "--assert=rewrite",
            ),
            *("-p", "no:cacheprovider", *(part for name in self.names for part in ("-p", name))),
            *(f"--rootdir={self.folder}", f"--junitxml={self.report}"),
            *(
                "-o",
                "junit_logging=no",
                "-o",
                "enable_assertion_pass_hook=true",
                *selection,
                str(self.folder),
            ),
        )
        env = {
            **self.variables,
            "E2E_SUITE": "smoke" if self.smoke else "full",
            "PYTHONPATH": str(self.plugins),
            "PYTHONPYCACHEPREFIX": str(
                self.plugins / "pyc"
            ),  # no compiled file of a commit, or of another run
        }
        return Command(argv, cwd=self.folder, env=env, timeout=self.timeout)


def add_plugins(plugins: Path) -> None:
    """Fill a folder with the observer, and with the fixtures of the shipped journeys for an app's own."""
    plugins.mkdir()
    shutil.copyfile(Path(__file__).with_name("observer.py"), plugins / f"{OBSERVER}.py")
    shutil.copyfile(SHIPPED_TESTS / "conftest.py", plugins / f"{FIXTURES}.py")


def browser() -> str:
    """The system's browser; "" if there is none (Playwright may have its own)."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def missing_package() -> str:
    """The first Python package that the shipped journeys need and lack; "" if none."""
    return next((name for name in PACKAGES if importlib.util.find_spec(name) is None), "")


def remove_secrets(folder: Path, mask: Callable[[str], str]) -> None:
    """Rewrite every Playwright trace and text file below a folder without cookies, tokens and keys.

    Args:
        mask: hides the secrets that the desk knows.
    """
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".zip":
            _clean_trace(file, mask)
        elif file.suffix in TEXT and file.is_file():
            content = file.read_bytes()
            cleaned = _clean(content, mask)
            if cleaned != content:
                file.write_bytes(cleaned)


def _clean_trace(trace: Path, mask: Callable[[str], str]) -> None:
    partial = trace.with_name(f".{trace.name}.part")
    try:
        with zipfile.ZipFile(trace) as old, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                content = old.read(entry)
                new.writestr(
                    entry.filename, content if entry.filename.endswith(BINARY) else _clean(content, mask)
                )
    except zipfile.BadZipFile:
        trace.unlink()  # what can't be read can't be cleaned
        partial.unlink(missing_ok=True)
        return
    partial.replace(trace)


def _clean(content: bytes, mask: Callable[[str], str]) -> bytes:
    text = mask(content.decode("utf-8", "surrogateescape"))
    text = HEADER.sub(r'\1***"', COOKIES.sub('"cookies":[]', JWT.sub("***", text)))
    return text.encode("utf-8", "surrogateescape")
