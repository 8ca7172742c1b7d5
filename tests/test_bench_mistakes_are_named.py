"""Every mistake in a bench file is refused with the file, the key, the value and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.boards.bench import Bench, BenchFileInvalid, BenchMissing, SlotUnknown, find_bench, load_bench
from workbench.boards.target import TargetFileInvalid
from workbench.toml_file import Problem

GOOD = """
[bench]
name = "left bench"

[slots.a1]
target = "microbit-v1"
probe = { unique_id = "9900AA", usb_path = "1-1.2" }
serial = "/dev/serial/by-path/one"
power = { driver = "command", on = "true", off = "true" }
tpm = "device:/dev/tpmrm0"

[slots.a2]
target = "mps2-an385"
probe = { unique_id = "remote:lab:5555" }
serial = "rfc2217://lab:4000"
power = { driver = "manual" }
"""

MISTAKES = [
    (
        'serial = "/dev',
        'serail = "/dev',
        "slots.a1.serail",
        "'/dev/serial/by-path/one'",
        "did you mean 'serial'?",
    ),
    (
        'unique_id = "9900AA"',
        'unique = "9900AA"',
        "slots.a1.probe.unique",
        "'9900AA'",
        "did you mean 'unique_id'?",
    ),
    ('"1-1.2"', '"usb1"', "slots.a1.probe.usb_path", "'usb1'", "such as '1-1.2'"),
    ('"command"', '"comand"', "slots.a1.power", "a table", "driver"),
    ('on = "true", ', "", "slots.a1.power.on", "(absent)", "a command as in a shell"),
    ('on = "true"', 'on = "say \'x"', "slots.a1.power.on", '"say \'x"', "No closing quotation"),
    ('off = "true"', 'of = "true"', "slots.a1.power.of", "'true'", "did you mean 'off'?"),
    ("rfc2217:", "rfc2271:", "slots.a2.serial", "'rfc2271://lab:4000'", "did you mean 'rfc2217'?"),
    ('"/dev/serial/by-path/one"', '"ttyACM0"', "slots.a1.serial", "'ttyACM0'", "an absolute path"),
    ('"mps2-an385"', '"mps2-an358"', "slots.a2.target", "'mps2-an358'", "did you mean 'mps2-an385'?"),
    ("[slots.a2]", '[slots."a 2"]', "slots.a 2", "'a 2'", "1 to 32 letters"),
    ("[slots.a2]", "[slot.a2]", "slot", "a table", "did you mean 'slots'?"),
    ('target = "mps2-an385"', "", "slots.a2", "neither target nor virtual", "must have either target"),
    (
        'target = "mps2-an385"',
        'target = "mps2-an385"\nvirtual = "x"',
        "slots.a2",
        "both target and virtual",
        "either",
    ),
    ('target = "mps2-an385"', 'virtual = "mps2-an385"', "slots.a2.probe", "present", "a twin brings its own"),
    (
        'target = "mps2-an385"',
        'target = "mps2-an385"\nboard = "b"',
        "slots.a2.board",
        "'b'",
        "must be left out",
    ),
    (
        "remote:lab:5555",
        "9900aa",
        "slots.a2.probe.unique_id",
        "'9900aa'",
        "slots.a1.probe.unique_id has the same probe",
    ),
    (
        "rfc2217://lab:4000",
        "/dev/serial/../serial/by-path/one",
        "slots.a2.serial",
        "'/dev/serial/../serial/by-path/one'",
        "slots.a1.serial has the same serial port",
    ),
    ('name = "left bench"', 'name = ""', "bench.name", "''", "1 to 400 characters"),
]


def load(folder: Path, text: str) -> Bench:
    path = folder / "bench.toml"
    path.write_text(text)
    return load_bench(path)


def test_a_right_file_gives_its_slots(tmp_path: Path) -> None:
    bench = load(tmp_path, GOOD)
    slot = bench.slot("a1")
    assert (bench.name, list(bench.slots)) == ("left bench", ["a1", "a2"])
    assert slot.target.name == "microbit-v1"
    assert slot.need_probe().usb_path == "1-1.2"
    assert slot.state_dir == tmp_path / ".workbench" / "slots" / "a1"
    assert not slot.state_dir.exists()


def test_capabilities_are_those_the_wires_allow(tmp_path: Path) -> None:
    bench = load(tmp_path, GOOD)
    assert {"debug", "flash", "console", "power", "tpm"} <= bench.slot("a1").capabilities
    assert "power-cut" not in bench.slot("a1").capabilities
    assert [s.name for s in bench.with_capabilities(["console"])] == ["a1", "a2"]
    assert [s.name for s in bench.with_capabilities(["flash", "tpm"])] == ["a1"]
    without = load(tmp_path, '[slots.a]\ntarget = "microbit-v1"\nserial = "socket://h:1"').slot("a")
    assert without.capabilities == {"console", "identity"}


@pytest.mark.parametrize(("old", "new", "key", "value", "right"), MISTAKES)
def test_the_mistake_is_named(tmp_path: Path, old: str, new: str, key: str, value: str, right: str) -> None:
    assert old in GOOD
    with pytest.raises(BenchFileInvalid) as refused:
        load(tmp_path, GOOD.replace(old, new, 1))
    problem = next((p for p in refused.value.problems if p.key == key), None)
    assert problem is not None, refused.value.what
    assert problem.value == value
    assert right in problem.right
    assert str(tmp_path / "bench.toml") in refused.value.what


def test_two_names_of_one_port_are_the_same_port(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/null")
    (tmp_path / "by-path").symlink_to("/dev/null")
    text = "".join(
        f'[slots.a{n}]\ntarget = "microbit-v1"\nserial = "{tmp_path}/{name}"\n'
        for n, name in enumerate(("by-id", "by-path"))
    )
    with pytest.raises(BenchFileInvalid, match="the same serial port"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "second",
    [
        '[slots.v2]\nvirtual = "microbit-v1"\nboard = "v1"',
        '[slots.v2]\nboard = "v1"\nvirtual = "microbit-v1"',
    ],
)
def test_one_twin_is_in_one_slot_only(tmp_path: Path, second: str) -> None:
    with pytest.raises(
        BenchFileInvalid, match=r"slots\.v2\.board = 'v1': .* slots\.v1 has the same twin board"
    ):
        load(tmp_path, f'[slots.v1]\nvirtual = "microbit-v1"\n{second}')


def test_a_target_of_the_bench_itself_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    folder.mkdir()
    template = Path(__file__).parent.parent / "targets" / "my-board.toml.example"
    (folder / "my-board.toml").write_text(template.read_text())
    for name in ("my-board", "targets/my-board.toml"):
        bench = load(tmp_path, f'[slots.a]\ntarget = "{name}"\nprobe = {{ unique_id = "1" }}')
        assert bench.slot("a").target.name == "my-board"
    with pytest.raises(BenchFileInvalid, match=r"table; .* has none"):
        load(tmp_path, '[slots.a]\nvirtual = "my-board"')
    (folder / "my-board.toml").write_text("")
    with pytest.raises(TargetFileInvalid, match="my-board"):
        load(tmp_path, '[slots.a]\ntarget = "my-board"\nprobe = { unique_id = "1" }')


def test_the_nearest_bench_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.delenv("WORKBENCH_BENCH", raising=False)
    with pytest.raises(BenchMissing, match=r"no bench\.toml"):
        find_bench(below)
    (tmp_path / "bench.toml").write_text(GOOD)
    assert find_bench(below) == tmp_path / "bench.toml"
    (tmp_path / "a" / "bench.toml").write_text(GOOD)
    monkeypatch.chdir(below)
    assert load_bench().path == tmp_path / "a" / "bench.toml"
    monkeypatch.setenv("WORKBENCH_BENCH", str(tmp_path / "bench.toml"))
    assert load_bench().path == tmp_path / "bench.toml"
    monkeypatch.setenv("WORKBENCH_BENCH", str(tmp_path / "no.toml"))
    with pytest.raises(BenchMissing, match="WORKBENCH_BENCH names"):
        load_bench()


def test_an_unknown_slot_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SlotUnknown, match="did you mean 'a1'"):
        load(tmp_path, GOOD).slot("A1")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_changed_it_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    value = data.draw(
        st.sampled_from(
            [
                "",
                "x = 1",
                "[[slots]]",
                "[slots.a1.power]",
                "power = 1",
                "power = { driver = [] }",
                "[slots.a3]",
            ]
        )
        | st.text(max_size=20)
    )
    changed = "\n".join([*lines[:number], value, *lines[number + 1 :]])
    text = changed.encode("utf-8", "replace").decode()
    problems: tuple[Problem, ...] = ()
    try:
        load(tmp_path, text)
    except BenchFileInvalid as error:
        problems = error.problems or (Problem("", "", ""),)
    assert all(p.key and p.value and p.right for p in problems)
