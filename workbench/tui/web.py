"""The screen in a browser of this machine: textual-serve on the loopback interface, one program for each tab.

The first tab works the line; each further one finds it busy and watches.  Nobody gets in but who knows the
key: other users of the machine, and pages of other sites in the same browser, do not.
"""

from __future__ import annotations

import contextlib
import hmac
import io
import logging
import os
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import aiohttp_jinja2
from aiohttp import web
from rich.console import Console
from textual_serve.server import Server

from workbench.errors import Blame, WorkbenchError
from workbench.languages import N_, _, language

HOST: Final = "127.0.0.1"
MAX_TABS: Final = 8
"""Each tab is a process."""
COOKIE: Final = "workbench-key"
KEY_FILE: Final = "web-key"
PAGE: Final = Path(__file__).with_name("web_page")
PAGE_WORDS: Final = {
    "opening": N_("Opening the line…"),
    "ended": N_("This screen has ended. Units at work end after their current step."),
    "again": N_("Reload the page to open it again."),
}
"""What the page itself says, by the names of its template."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebUnusable(WorkbenchError):
    """The screen cannot be served to a browser."""

    code = "web-unusable"
    blame = Blame.STATION
    default_cause = "another program uses the port, perhaps an earlier screen that still runs"
    default_action = "end the other program, or choose another port with --port"


def serve(
    arguments: Sequence[str],
    *,
    port: int,
    state_dir: Path,
    say: Callable[[str], None],
    module: str = "workbench.tui",
) -> int:
    """Serves `python -m workbench.tui ARGUMENTS` until Ctrl-C; `say` gets the address to open.

    The key in it is kept in `state_dir`, so that a bookmark goes on working.  Raises WebUnusable.
    """
    _check_port(port)
    command = shlex.join([sys.executable, "-m", module, *arguments])
    server = LoopbackServer(command, port, web_key(state_dir / KEY_FILE))
    say(f"open {server.address} in a browser on this machine; Ctrl-C ends it")
    server.serve()
    return 0


def web_key(path: Path) -> str:
    """The key of this bench's screen, made when it is first asked for.  Raises WebUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(24))
        key = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise WebUnusable(
            f"the key in {path} cannot be used: {error}",
            cause="the disk is full, or the folder belongs to another user",
            action=f"make the folder writable, or remove {path}",
        ) from error
    if len(key) < 24:
        raise WebUnusable(
            f"the key in {path} is too short", cause="the file was damaged", action=f"remove {path}"
        )
    return key


def _check_port(port: int) -> None:
    """The server library would end with a traceback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise WebUnusable(f"port {port} of {HOST} cannot be used: {error}") from error


class LoopbackServer(Server):
    """textual-serve, on loopback only, with a page that loads nothing from elsewhere, and a door."""

    def __init__(self, command: str, port: int, key: str) -> None:
        super().__init__(command, HOST, port, title="Workbench", templates_path=PAGE)
        self.console = Console(file=io.StringIO())  # it says nothing of its own
        self.key = key
        self._open: list[web.Request] = []

    @property
    def address(self) -> str:
        """What to open in the browser."""
        return f"{self.public_url}/?key={self.key}"

    def initialize_logging(self) -> None:
        """Errors only: a request's words do not belong on the technician's terminal."""
        logging.basicConfig(level=logging.ERROR, format="%(message)s")

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()

        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._door(request, handler)

        app.middlewares.append(door)
        words = {name: _(text) for name, text in PAGE_WORDS.items()}
        aiohttp_jinja2.get_env(app).globals.update(words=words, language=language())
        return app

    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets in only who names this machine as it is named here, and knows the key."""
        ours = f"{HOST}:{self.port}"
        if request.host != ours or request.headers.get("Origin", f"http://{ours}") != f"http://{ours}":
            raise web.HTTPForbidden(text="This screen is for a browser on this machine only.\n")
        if request.path == "/":
            return await self._page(request, handler)
        if request.path.startswith("/static/"):
            return await handler(request)
        if not self._knows(request.cookies.get(COOKIE, "")):
            raise web.HTTPForbidden(text="Open the address that `workbench tui --web` printed.\n")
        return await handler(request)

    async def _page(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The page; whoever brings the key in its address gets it as a cookie."""
        told = request.query.get("key")
        if not self._knows(told if told is not None else request.cookies.get(COOKIE, "")):
            raise web.HTTPForbidden(text="Open the address that `workbench tui --web` printed.\n")
        if len(self._open) >= MAX_TABS:
            raise web.HTTPServiceUnavailable(text=f"{MAX_TABS} tabs are open already; close one.\n")
        response = await handler(request)
        response.set_cookie(COOKIE, self.key, httponly=True, samesite="Strict")
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self' 'unsafe-inline' data: blob: ws://{HOST}:{self.port}; frame-ancestors 'none'"
        )
        return response

    def _knows(self, key: str) -> bool:
        return hmac.compare_digest(key.encode("utf-8", "replace"), self.key.encode())

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A tab: a program of its own, as long as the tab is open."""
        if len(self._open) >= MAX_TABS:
            raise web.HTTPServiceUnavailable(text=f"{MAX_TABS} tabs are open already; close one.\n")
        self._open.append(request)
        try:
            return await super().handle_websocket(request)
        finally:
            self._open.remove(request)

    async def on_shutdown(self, app: web.Application) -> None:
        """Hangs up, so that the programs of all tabs end."""
        for request in tuple(self._open):
            if request.transport is not None:
                request.transport.close()
