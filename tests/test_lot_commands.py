"""`workbench lot` and `workbench recipe` do what they say; exit codes are right, and their pages true."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.cli_bench import CliBench, cli_bench, in_order
from tests.lot_lab import attempt_of, lot_of
from workbench.boards.bench_write import write_virtual_bench
from workbench.database.engine import open_engine
from workbench.station.lots.lot_file import LotFile, load_lot
from workbench.station.lots.lots import Lots
from workbench.station.places import database_url
from workbench.station.recipes.recipe import load_recipe
from workbench.station.recipes.recipe_file import RecipeFile

DOCS = Path(__file__).resolve().parent.parent / "docs"
LOT = """
[lot]
id = "L1"
quantity = 5
[serial]
rule = "range"
prefix = "SN-"
first = 1
last = 9
digits = 4
"""


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench() as made:
        write_virtual_bench(made.folder, 1)
        yield made


def test_a_lot_from_its_opening_to_a_repair(bench: CliBench) -> None:
    file = bench.folder / "lot.toml"
    file.write_text(LOT)
    file.with_name("bad.toml").write_text(LOT.replace("L1", "L0") + '[label]\nlines = ["{sirial}"]\n')
    refused = bench.run("lot", "open", "bad.toml", "--json")
    assert (refused.code, refused.last["error"]["code"]) == (2, "label-layout-invalid")
    opened = bench.run("lot", "open", str(file))
    assert (opened.code, in_order(["L1 is open", "5 units", "SN-0001 to SN-0009"], opened.out)) == (0, True)
    lots = Lots(open_engine(database_url(bench.folder)), "s1")
    for serial in ("SN-0001", "SN-0002"):
        wish = attempt_of(serial)
        lots.begin(load_lot(file), wish)
        lots.finish([wish])
    lots.reserve(load_lot(file), 2)
    lots.open_lot(lot_of("R1"))
    lots.close()
    shipped = bench.run("lot", "ship", "sn-0001", "SN-0003", "--json")
    assert (shipped.code, shipped.last["error"]["code"]) == (2, "unit-not-passed")
    assert [unit["state"] for unit in shipped.observed("unit")] == ["shipped"]
    assert "R1" in bench.run("lot", "readmit", "SN-0001", "--reason", "back", "--lot", "R1").out
    gone = bench.run("lot", "withdraw", "L1", "--station", "s1", "--json").last["result"]
    assert gone["serials"] == ["SN-0003", "SN-0004"]
    told = bench.run("lot", "show", "L1", "--units", "--json")
    assert (told.last["result"]["passed"], told.last["result"]["state"]) == (2, "open")
    listed = bench.run("lot", "list").out
    assert in_order(["R1", "open", "L1", "open"], listed)
    assert "L0" not in listed


def test_a_new_recipe_is_refused_until_it_can_hold(bench: CliBench) -> None:
    made = bench.run("recipe", "new", "r.toml")
    assert made.code == 0
    refused = bench.run("recipe", "check", "r.toml", "--json")
    assert (refused.code, refused.last["error"]["code"]) == (2, "recipe-impossible")
    (value,) = refused.observed("recipe")
    assert value["problems"][0]["key"] == "release.firmware"


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        for part in (inner, *getattr(inner, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys_of(part)
        yield field.alias or name


@pytest.mark.parametrize(("page", "model"), [("recipes.md", RecipeFile), ("lots.md", LotFile)])
def test_the_pages_name_every_key(page: str, model: type[BaseModel]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [key for key in keys_of(model) if not re.search(rf"[`\[. ]{key}[`\] ]", text)] == []


def test_the_examples_of_the_pages_are_read(tmp_path: Path) -> None:
    for page, load in (("recipes.md", load_recipe), ("lots.md", load_lot)):
        (example,) = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
        tomllib.loads(example)
        (tmp_path / page).write_text(example, encoding="utf-8")
        load(tmp_path / page)
