"""What the demo shows comes from events alone, and a banner counts only where the probe reads the same."""

from __future__ import annotations

import pytest

from workbench.cli.demo_scene import Scene
from workbench.errors import Blame, WorkbenchError
from workbench.events import Event, Notice, Observed, Progress
from workbench.station.channel import Listener
from workbench.station.demo import EARLIEST_CUT, LATEST_CUT, operations_before_cut
from workbench.station.demo_boards import Banner, BoardDisagrees, banner_of, refuse_disagreement
from workbench.station.demo_tasks import relayed, retold
from workbench.station.journal import utc_now
from workbench.station.throttle import Stamped

SAID = b"hello-microbit 1.0.0 build 4ed9500f50be chip 88baa947ed6af477\r\n"
BANNER = Banner("hello-microbit", "1.0.0", "4ed9500f50be", "88baa947ed6af477")


def test_a_banner_is_found_behind_noise() -> None:
    assert banner_of(b"\x00\xffhalf of a line\r\n" + SAID + b"more") == BANNER
    assert banner_of(SAID[:-4]) is None


def test_a_banner_must_name_the_chip_and_the_build_that_the_probe_reads() -> None:
    refuse_disagreement(BANNER, BANNER.chip, BANNER.build)
    with pytest.raises(BoardDisagrees, match="chip 88baa947ed6af477, the probe reads 0000000000000000"):
        refuse_disagreement(BANNER, "0" * 16, BANNER.build)
    with pytest.raises(BoardDisagrees, match="build"):
        refuse_disagreement(BANNER, BANNER.chip, "0" * 12)


def test_a_seed_picks_one_moment_within_bounds() -> None:
    moments = [operations_before_cut(seed) for seed in range(200)]
    assert moments == [operations_before_cut(seed) for seed in range(200)]
    assert len(set(moments)) > 150
    assert all(EARLIEST_CUT <= moment <= LATEST_CUT for moment in moments)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Progress(step="program", done=1, total=2), Progress(step="v3/program", done=1, total=2)),
        (Observed(what="chip-id", value="ab"), Observed(what="v3/chip-id", value="ab")),
        (Notice(level="info", text="x"), Notice(level="info", text="x")),
    ],
)
def test_events_of_a_board_join_the_run_with_its_slot(event: Event, told: Event) -> None:
    assert relayed("v3", Stamped(event, 0, utc_now()).as_json()) == told


def test_an_error_keeps_code_and_blame_on_its_way() -> None:
    there = BoardDisagrees("a, not b")
    here = retold(there.as_dict())
    assert isinstance(here, WorkbenchError)
    assert here.as_dict() == there.as_dict()
    assert here.blame is Blame.UNIT
    assert here.exit_code == there.exit_code


def test_the_scene_shows_each_board_and_counts_what_all_did() -> None:
    scene = Scene("talk", "Start them")
    for slot in ("v2", "v1"):
        scene.hear(Observed(what=f"{slot}/chip-id", value="88baa947ed6af477"))
        scene.hear(Observed(what=f"{slot}/banner", value=str(BANNER)))
        scene.hear(Observed(what=f"{slot}/echo", value="echo: hi"))
    assert scene.lines() == [
        f"v1  {BANNER}",
        f"v2  {BANNER}",
        "a line that was sent came back: “echo: hi” (2 of 2)",
    ]


def test_the_scene_shows_what_a_cut_left() -> None:
    scene = Scene("look", "Look")
    told = {"start": 0, "size": 1024, "kinds": "bnnt", "as_known": True}
    scene.hear(Observed(what="v1/flash-map", value=dict(told)))
    assert scene.map_lines() == ["new firmware 2", "half written 1", "erased 1"]
    assert scene.lines() == ["as the workbench knew it when the power went; a square is 1.0 KiB"]


def test_a_listener_is_any_face() -> None:
    from workbench.cli.demo_face import PlainDemo

    face: Listener = PlainDemo()
    face(Stamped(Observed(what="v1/power", value="on"), 0, utc_now()))
