"""The screen in a browser, for tests: the program that serves it, and Chromium, whose terminal is read."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyte
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains

from workbench.boards.bench import Bench

LIMIT_S: Final = 90.0
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,760",
)


@dataclass(frozen=True)
class Served:
    """`workbench tui --web`, running."""

    process: subprocess.Popen[str]
    address: str
    port: int

    @property
    def key(self) -> str:
        """What only those know who may come in."""
        return self.address.partition("?key=")[2]

    def end(self) -> int:
        """Ctrl-C; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT_S)


def free_port() -> int:
    """A port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def served(recipe: Path, bench: Bench, *more: str) -> Iterator[Served]:
    """The program, ended at the end."""
    port = free_port()
    command = [sys.executable, "-m", "workbench.tui", str(recipe), "--bench", str(bench.path)]
    process = subprocess.Popen(
        [*command, "--web", "--port", str(port), "--language", "en", *more],
        cwd=bench.folder,
        env=os.environ | {"TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        told = next(iter(process.stderr), "")
        found = re.search(r"http://\S+", told)
        assert found is not None, told
        wait_until(lambda: _listens(port), "the program listens")
        yield Served(process, found[0], port)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.stderr.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Waits for it; fails with words."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.05)


@dataclass
class Tab:
    """A tab: the terminal in it, rebuilt from what its socket carried."""

    screen: pyte.Screen = field(default_factory=lambda: pyte.Screen(80, 24))
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        """What stands in it."""
        return "\n".join(self.screen.display)

    def take(self, message: dict[str, Any]) -> None:
        """One message of Chromium's network log."""
        told = message["params"]
        match message["method"]:
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Network.webSocketFrameSent" if told["response"]["payloadData"].startswith('["resize"'):
                size = json.loads(told["response"]["payloadData"])[1]
                self.screen.resize(size["height"], size["width"])
            case "Network.webSocketFrameReceived" if told["response"]["opcode"] == 2:
                self.stream.feed(base64.b64decode(told["response"]["payloadData"]))


class Browser:
    """Chromium without a window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.tabs: dict[str, Tab] = {}

    @property
    def tab(self) -> Tab:
        """The tab in front, as it is now."""
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            told = json.loads(entry["message"])
            if told["message"]["method"].startswith("Network."):
                self.tabs.setdefault(told["webview"], Tab()).take(told["message"])
        return self.tabs.setdefault(self.driver.current_window_handle, Tab())

    def until(self, words: str) -> str:
        """Waits until the words stand in the tab in front; its text."""
        wait_until(lambda: words in self.tab.text, lambda: f"not there: {words}\n{self.tab.text}")
        return self.tab.text

    def keys(self, *keys: str) -> None:
        """Types, as a scanner does: wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium with a profile of its own."""
    profile = tempfile.mkdtemp(prefix="wb-chromium-")
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or "chromium"
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)
