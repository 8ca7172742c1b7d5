"""The screen in a browser: the first tab works the line, the second one watches, nobody else gets in."""

from __future__ import annotations

import http.client
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser_lab import Served, chromium, free_port, served, wait_until
from tests.conftest import switch_off
from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.station.places import database_url
from workbench.station.records import Records
from workbench.tui.web import KEY_FILE, WebUnusable, serve, web_key

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None or shutil.which("chromedriver") is None,
    reason="needs Debian's chromium and chromium-driver",
)

RECIPE = """
[recipe]
name = "cycle"
target = "microbit-v1"

[[plan]]
step = "power-cycle"
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench of two boards and a recipe."""
    made = load_bench(write_virtual_bench(tmp_path_factory.mktemp("web"), 2))
    (made.folder / "cycle.toml").write_text(RECIPE)
    yield made
    switch_off(made)


@pytest.fixture(scope="module")
def line(bench: Bench) -> Iterator[Served]:
    """The line, served."""
    with served(bench.folder / "cycle.toml", bench) as made:
        yield made


def answer(line: Served, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, cookie and body of the answer to a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", line.port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    got = connection.getresponse()
    try:
        return got.status, got.getheader("Set-Cookie", ""), got.read().decode()
    finally:
        connection.close()


def test_only_this_machine_and_only_who_knows_the_key_comes_in(line: Served) -> None:
    cookie = f"workbench-key={line.key}"
    for path, headers in (
        ("/", {}),
        ("/?key=guessed", {}),
        ("/ws", {}),
        ("/download/x", {}),
        (f"/?key={line.key}", {"Host": "evil.example"}),
        ("/ws", {"Cookie": cookie, "Origin": "http://evil.example"}),
    ):
        assert answer(line, path, **headers)[0] == 403, (path, headers)

    status, given, page = answer(line, f"/?key={line.key}")
    assert status == 200
    assert "HttpOnly" in given
    assert "SameSite=Strict" in given
    assert "Opening the line…" in page
    assert "fonts.googleapis" not in page
    assert answer(line, "/", Cookie=cookie)[0] == 200


def test_the_key_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    key = web_key(tmp_path / KEY_FILE)
    assert web_key(tmp_path / KEY_FILE) == key
    assert stat.S_IMODE(os.stat(tmp_path / KEY_FILE).st_mode) == 0o600
    (tmp_path / KEY_FILE).write_text("short")
    with pytest.raises(WebUnusable, match="too short"):
        web_key(tmp_path / KEY_FILE)


def test_a_port_that_is_in_use_is_said_in_words(line: Served, tmp_path: Path) -> None:
    with pytest.raises(WebUnusable, match=f"port {line.port}"):
        serve([], port=line.port, state_dir=tmp_path, say=lambda _: None)
    with pytest.raises(WebUnusable, match="70000"):
        serve([], port=70000, state_dir=tmp_path, say=lambda _: None)
    assert free_port()


def test_the_first_tab_works_the_line_and_the_second_watches(line: Served, bench: Bench) -> None:
    with chromium() as browser:
        driver = browser.driver
        driver.get(line.address)
        first = driver.current_window_handle
        browser.until("Scan the serial number")
        browser.keys("SN-1", Keys.ENTER)
        browser.until("Take the unit out.")

        driver.switch_to.new_window("tab")
        driver.get(f"http://127.0.0.1:{line.port}/")  # the cookie is key enough
        told = browser.until("This viewer only watches.")
        assert "SN-1" in told
        browser.keys("SN-2", Keys.ENTER)
        driver.set_window_size(1400, 900)
        browser.until("This viewer only watches.")

        driver.switch_to.window(first)
        browser.keys("SN-3", Keys.ENTER)
        browser.until("SN-3")
        wait_until(lambda: units(bench) == ["SN-1", "SN-3"], lambda: str(units(bench)))

        asked = [url for tab in browser.tabs.values() for url in tab.requests]
        ours = (f"http://127.0.0.1:{line.port}/", f"ws://127.0.0.1:{line.port}/", "data:", "chrome", "blob:")
        assert [url for url in asked if not url.startswith(ours)] == []
    assert line.end() == 0


def units(bench: Bench) -> list[str]:
    """Serial numbers of the units that were worked on and recorded."""
    with Records.open(database_url(bench.folder)) as records:
        return sorted(str(run.result.get("serial")) for run in records.runs() if run.verb == "unit")
