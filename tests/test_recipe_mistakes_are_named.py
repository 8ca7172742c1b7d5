"""A recipe or lot file that is wrong is refused with every mistake by key, value and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lot_lab import recipe_of
from workbench.station.lots.errors import LotFileInvalid, LotForOtherRecipe
from workbench.station.lots.lot_file import load_lot, lot_without_file, refuse_foreign_lot
from workbench.station.recipes.errors import RecipeInvalid
from workbench.station.recipes.recipe import load_recipe

GOOD = """
[recipe]
name = "sensor"
target = "microbit-v1"
[[plan]]
step = "flash"
"""


def refused(folder: Path, text: str) -> str:
    path = folder / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeInvalid) as caught:
        load_recipe(path)
    return caught.value.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "recipe = (absent)"),
        ("[recipe]\nname = 'a'\ntarget = 'b'\n", "plan = (absent)"),
        (GOOD.replace("sensor", "sen sor"), "letters, digits"),
        (GOOD.replace('target = "microbit-v1"', ""), "recipe.target"),
        (GOOD.replace('target = "microbit-v1"', 'target = "a"\ntargets = ["b"]'), "but not both"),
        (GOOD + "[permit]\nlocked = true\n", "did you mean 'lock'"),
        (GOOD + "[permit]\nlock = 1\n", "permit.lock"),
        (GOOD + "[limits]\nstep_s = -1\n", "limits.step_s"),
        (GOOD + "[limits]\nstep_s = inf\n", "limits.step_s"),
        (GOOD + "[limits]\nunit_s = 10\n", "limits.unit_s"),
        (GOOD + "[database]\non_loss = 'ignore'\n", "database.on_loss"),
        (GOOD + "[database]\nreserve = 100000\n", "database.reserve"),
        (GOOD + "[release]\nversion = 'new'\n", "release.version"),
        (GOOD + "[identity]\ntemplate = 'H-3'\n", "identity.ca"),
        (GOOD + "retries = 99\n", "plan[0].retries"),
        (GOOD + "name = 'a'\n[[plan]]\nstep = 'verify'\nname = 'a'\n", "no other step has"),
        (GOOD + "[[plan]]\nstep = 'Flash!'\n", "plan[1].step"),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = refused(tmp_path, GOOD + "[permit]\nlocks = true\n[limits]\nstep_s = 0\n")
    assert "2 mistakes" in text
    assert "permit.locks" in text


@given(content=st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeInvalid):
        load_recipe(path)
    with pytest.raises(LotFileInvalid):
        load_lot(path)


def test_a_steps_own_options_are_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(GOOD + "colour = 'blue'\nlimit_s = 5\n")
    (entry,) = load_recipe(tmp_path / "r.toml").plan
    assert (entry.options, entry.limit_s) == ({"colour": "blue"}, 5)


LOT = "[lot]\nid = 'L1'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lot = (absent)"),
        (LOT + "quantity = 0\n", "lot.quantity"),
        (LOT + "[serial]\nrule = 'range'\nfirst = 1\n", "serial.last"),
        (LOT + "[serial]\nrule = 'range'\nfirst = 5\nlast = 4\n", "not be less than first"),
        (LOT + "[serial]\nrule = 'range'\nfirst = 9\nlast = 10\n", "serial.digits"),
        (LOT + "[serial]\nrule = 'range'\nfirst = 1\nlast = 100\ndigits = 2\n", "enough for 100"),
        (LOT + "quantity = 3\n[serial]\nrule = 'range'\nfirst = 1\nlast = 2\n", "not be more than the 2"),
        (LOT + "[serial]\nrule = 'range'\nprefix = 'Ä'\nfirst = 1\nlast = 2\n", "serial.prefix"),
        (LOT + f"[serial]\nrule = 'range'\nprefix = '{'A' * 41}'\nfirst = 1\nlast = 2\n", "serial.prefix"),
        (LOT + "[serial]\nrule = 'scanned'\nfirst = 1\n", "does not use it"),
        (LOT + "[serial]\nrule = 'scanned'\npattern = '('\n", "regular expression"),
        (LOT + "[serial]\nrule = 'list'\n", "serial.file"),
        (LOT + "[serial]\nrule = 'list'\nfile = 'none.txt'\n", "you can read"),
        (LOT + "[serial]\nrule = 'list'\nfile = 'empty.txt'\n", "one serial number on each line"),
        (LOT + "[serial]\nrule = 'list'\nfile = 'twice.txt'\n", "case does not count"),
        (LOT + "[serial]\nrule = 'list'\nfile = 'twice.txt'\ncheck = 'damm'\n", "check digit"),
        (LOT + "[serial]\ncheck = 'crc'\n", "serial.check"),
    ],
)
def test_a_mistake_in_a_lot_is_named_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "twice.txt").write_text("A-1\nB-2\na-1\n")
    (tmp_path / "lot.toml").write_text(text)
    with pytest.raises(LotFileInvalid) as caught:
        load_lot(tmp_path / "lot.toml")
    assert said in caught.value.what


def test_a_list_is_read_as_people_write_it(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_bytes("\ufeff# ours\r\nA-1\r\n\r\n  B-2 \r\n".encode())
    (tmp_path / "lot.toml").write_text(LOT + "[serial]\nrule = 'list'\nfile = 's.txt'\n")
    assert load_lot(tmp_path / "lot.toml").rule.serials == ("A-1", "B-2")


def test_a_lot_keeps_to_its_recipe(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path)
    (tmp_path / "lot.toml").write_text(LOT + "recipe = 'other'\n")
    with pytest.raises(LotForOtherRecipe):
        refuse_foreign_lot(load_lot(tmp_path / "lot.toml"), recipe)
    refuse_foreign_lot(lot_without_file(recipe), recipe)
