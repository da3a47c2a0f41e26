"""A static deployment, as a stand-in for Replit's: the files of a folder, and rewrites of what is no file.

Run as a script with the folder and the rewrites (`/*=/index.html`); it needs nothing of the desk.
"""

from __future__ import annotations

import os
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Site(SimpleHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"
    rewrites: tuple[tuple[str, str], ...] = ()

    def translate_path(self, path: str) -> str:
        """The file of a path: its own, the page without its `.html`, or what it is rewritten to."""
        file = Path(super().translate_path(path))
        if file.is_file() or (file / "index.html").is_file():
            return str(file)
        page = file.with_name(f"{file.name}.html")
        if page.is_file():
            return str(page)
        for pattern, target in self.rewrites:
            if path.startswith(pattern.removesuffix("*")):
                return super().translate_path(target)
        return str(file)

    def list_directory(self, _path: str | os.PathLike[str]) -> None:
        """No listings."""
        self.send_error(404)

    def log_message(self, _format: str, *_args: object) -> None:
        """Nothing is logged."""


class Server(ThreadingHTTPServer):
    """As `hang_ups.StandInServer`."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client who hangs up is no fault of the site."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main(folder: str, *rewrites: str) -> None:
    """Serve until ended, on `$PORT` of 127.0.0.1."""
    Site.rewrites = tuple((rule.partition("=")[0], rule.partition("=")[2]) for rule in rewrites)
    address = ("127.0.0.1", int(os.environ["PORT"]))
    Server(address, lambda *given, **named: Site(*given, directory=folder, **named)).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
