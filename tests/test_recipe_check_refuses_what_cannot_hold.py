"""`recipe check` says what a recipe does and cannot undo, and refuses one that cannot hold on this bench."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.station.recipes.check import RecipeCheck, check_recipe, refuse_impossible
from workbench.station.recipes.errors import RecipeChanged, RecipeImpossible
from workbench.station.recipes.recipe import load_recipe

HEAD = '[recipe]\nname = "sensor"\ntarget = "microbit-v1"\n'
FLASH = '[release]\nfirmware = "f.hex"\n[[plan]]\nstep = "flash"\n'
ENROLL = '[identity]\nca = "ca"\n[[plan]]\nstep = "enroll"\n'
ERASE = '[[plan]]\nstep = "erase"\n'


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Slots that nobody switches on."""
    return load_bench(write_virtual_bench(tmp_path_factory.mktemp("bench"), 2))


@pytest.fixture
def checked(tmp_path: Path, bench: Bench, samples: Path) -> Callable[[str], RecipeCheck]:
    (tmp_path / "f.hex").write_bytes((samples / "hello-microbit" / "hello-microbit.hex").read_bytes())
    (tmp_path / "ca").mkdir()

    def check(text: str) -> RecipeCheck:
        (tmp_path / "r.toml").write_text(text)
        return check_recipe(load_recipe(tmp_path / "r.toml"), bench)

    return check


def test_a_recipe_that_holds_is_explained(checked: Callable[[str], RecipeCheck]) -> None:
    found = checked(HEAD + FLASH)
    refuse_impossible(found)
    assert (found.fitting, found.starts, found.irreversible) == (("v1", "v2"), "scan", ())
    words = "\n".join(found.words)
    assert "1. flash: " in words
    assert "begins no further unit" in words


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (HEAD + FLASH.replace("f.hex", "g.hex"), "release.firmware", "there is no file"),
        (HEAD.replace("microbit-v1", "toaster") + FLASH, "recipe.target", "no target is called"),
        (HEAD.replace("microbit-v1", "tpm-board") + FLASH, "plan", "has no memory"),
        (HEAD + FLASH.replace('step = "flash"', 'step = "flahs"'), "plan", "did you mean 'flash'"),
        (HEAD + FLASH + "colour = 'blue'\n", "plan", "unknown key"),
        (HEAD + FLASH + "[label]\nsymbol = 'bar'\n", "label.symbol", "qr"),
        (HEAD + FLASH + "[[plan]]\nstep = 'label'\n[label]\ndpi = 1\n", "label.dpi", ""),
        (HEAD + "[[plan]]\nstep = 'label'\n", "plan", "[printer]"),
        (HEAD + FLASH + "[[plan]]\nstep = 'vrify'\n", "plan", "plan[1], step 2: there is no step"),
        (HEAD + ENROLL, "permit.lock", "must be true"),
        (HEAD + ENROLL.replace('"ca"', '"cb"'), "identity.ca", "there is no"),
        (HEAD + ENROLL.replace('ca = "ca"', 'ca = "ca"\nca_credential = "p"'), "identity.ca_credential", ""),
    ],
)
def test_what_cannot_hold_is_refused(
    checked: Callable[[str], RecipeCheck], text: str, key: str, said: str
) -> None:
    found = checked(text)
    assert any(problem.key == key and said in problem.right for problem in found.problems), found.problems
    with pytest.raises(RecipeImpossible) as caught:
        refuse_impossible(found)
    assert key in caught.value.what
    assert found.starts == "confirm"


def test_each_thing_in_the_way_is_named_once(checked: Callable[[str], RecipeCheck]) -> None:
    found = checked(HEAD + FLASH.replace("f.hex", "g.hex"))
    assert [problem.key for problem in found.problems] == ["release.firmware"]


def test_a_recipe_that_labels_holds_where_there_is_a_printer(
    checked: Callable[[str], RecipeCheck], bench: Bench
) -> None:
    (bench.folder / "station.toml").write_text('[printer]\nfolder = "labels"\n')
    try:
        assert not checked(HEAD + "[[plan]]\nstep = 'label'\n").problems
    finally:
        (bench.folder / "station.toml").unlink()


def test_irreversible_steps_are_listed_and_need_their_permission(
    checked: Callable[[str], RecipeCheck],
) -> None:
    found = checked(HEAD + "[permit]\nlock = true\n" + ENROLL)
    assert [planned.permission for planned in found.irreversible] == ["lock"]
    assert any("CANNOT BE UNDONE" in line for line in found.words)
    assert not any(problem.key.startswith("permit") for problem in found.problems)
    assert checked(HEAD + ENROLL).problems


def test_a_recipe_may_ask_before_each_unit(checked: Callable[[str], RecipeCheck]) -> None:
    assert checked(HEAD + 'start = "confirm"\n' + FLASH).starts == "confirm"


def test_the_hash_is_of_all_that_counts_and_of_no_secret(
    tmp_path: Path, checked: Callable[[str], RecipeCheck]
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "root.cert.pem").write_text("public")
    (tmp_path / "pass").write_text("secret")
    text = HEAD + '[security]\nprofile = "tier-2-ecdsa"\nkeys = "keys"\nkeys_credential = "pass"\n' + FLASH
    checked(text)
    path = tmp_path / "r.toml"
    recipe = load_recipe(path)
    recipe.refuse_changed()
    (tmp_path / "pass").write_text("another")
    (keys / "root.key.pem").write_text("private")
    assert load_recipe(path).sha256 == recipe.sha256
    assert not any("pass" in named.path.name or "key.pem" in named.path.name for named in recipe.files)
    for changed, content in ((keys / "root.cert.pem", "other"), (tmp_path / "f.hex", ":00000001FF\n")):
        before = changed.read_text()
        changed.write_text(content)
        assert load_recipe(path).sha256 != recipe.sha256
        with pytest.raises(RecipeChanged, match=changed.name):
            recipe.refuse_changed()
        changed.write_text(before)
    (keys / "new.cert.pem").write_text("one more")
    with pytest.raises(RecipeChanged):
        recipe.refuse_changed()
