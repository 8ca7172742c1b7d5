"""Provisioning makes a unit that starts and tells who it is; what must not become a unit is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.cli_bench import CliBench, cli_bench, in_order
from tests.provisioning_lab import built
from workbench.images import keys as key_folders
from workbench.images.provisioning import parse_page

pytestmark = pytest.mark.xdist_group("provisioning makes units")


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench(1) as made:
        key_folders.create(made.folder / "keys", ["ecdsa-p256", "encryption", "kek", "master"])
        key_folders.create(made.folder / "rsa", ["rsa-2048", "encryption"])
        yield made


def provision(profile: str, *more: str | Path, keys: str = "keys") -> list[str | Path]:
    return ["provision", "v1", "--profile", profile, "--keys", keys, "--firmware", built(profile), *more]


@pytest.mark.parametrize(
    ("profile", "keys"),
    [("tier-1", "keys"), ("tier-1-plus", "keys"), ("tier-2-ecdsa", "keys"), ("tier-2-rsa", "rsa")],
)
def test_a_unit_starts_and_tells_who_it_is(bench: CliBench, profile: str, keys: str) -> None:
    done = bench.run(*provision(profile, "--permit-identity", "--json", keys=keys))
    assert done.code == 0, done
    result, (identity,) = done.last["result"], done.observed("identity")
    assert identity["profile"] == result["profile"] == profile
    assert identity["hash"] == result["hash"]
    assert (identity["counter"], identity["confirmed"], done.observed("starting")) == (1, True, ["1.0.0"])
    entry = json.loads((bench.folder / keys / "units" / f"{result['chip_id']}.json").read_text())
    assert (entry["profile"], entry["device_key"]) == (
        profile,
        "injected" if profile.startswith("tier-2") else None,
    )


def test_secrets_are_on_the_chip_and_nowhere_else(bench: CliBench) -> None:
    done = bench.run(*provision("tier-2-ecdsa", "--permit-identity", "--json"))
    assert bench.run("read", "v1", "--start", "0x3f800", "--size", "1K", "-o", "page.bin").code == 0
    page = parse_page((bench.folder / "page.bin").read_bytes())
    assert page.device_key is not None
    assert page.enc_key is not None
    told = done.out + done.err + "".join(p.read_text() for p in bench.folder.glob("keys/units/*"))
    assert page.device_key.hex() not in told
    assert page.enc_key.hex() not in told
    key = load_pem_public_key(done.observed("device-key")[0]["public"].encode())
    private = ec.derive_private_key(int.from_bytes(page.device_key, "big"), ec.SECP256R1())
    assert private.public_key() == key
    assert load_pem_public_key(Path(bench.folder, done.last["result"]["device_key"]).read_bytes()) == key


def test_an_identity_is_lost_only_by_permission(bench: CliBench) -> None:
    assert bench.run(*provision("tier-2-ecdsa", "--permit-identity")).code == 0
    refused = bench.run(*provision("tier-2-ecdsa", "--json"))
    assert (refused.code, refused.last["error"]["code"]) == (2, "image-over-identity")
    assert bench.run("read", "v1", "--start", "0x3f800", "--size", "1K", "-o", "page2.bin").code == 0
    assert parse_page((bench.folder / "page2.bin").read_bytes()).profile == "tier-2-ecdsa"


def test_what_does_not_fit_is_refused_before_the_board_is_touched(bench: CliBench) -> None:
    done = bench.run("provision", "v1", "-p", "tier-3", "-k", "keys", "--permit-identity", "--json")
    assert (done.code, done.last["error"]["code"]) == (2, "profile-misfit")
    assert done.observed("chip-id") == []


def test_a_bootloader_of_another_profile_is_a_unit_that_fails(bench: CliBench) -> None:
    other = built("tier-2-rsa") / "secure" / "nrf51" / "tier-2-rsa"
    words = ["provision", "v1", "-p", "tier-1", "-k", "keys", "--permit-identity", "--json"]
    done = bench.run(*words, "--firmware", other)
    assert (done.code, done.last["error"]["code"]) == (1, "unit-does-not-start")
    assert done.last["verdict"] == "FAIL"


def test_keys_for_another_profile_are_refused_before_anything_is_written(bench: CliBench) -> None:
    done = bench.run(*provision("tier-2-rsa", "--permit-identity", "--json"))
    assert (done.code, done.last["error"]["code"]) == (2, "key-invalid")
    assert not [e for e in done.events if e["event"] == "progress"]


def test_a_missing_bootloader_is_named(bench: CliBench, tmp_path: Path) -> None:
    done = bench.run("provision", "v1", "-p", "tier-1", "-k", "keys", "--firmware", tmp_path)
    assert done.code == 2
    assert f"{tmp_path}/secure/nrf51/tier-1" in done.err


def test_a_dry_run_names_what_cannot_be_undone(bench: CliBench) -> None:
    done = bench.run("provision", "v1", "-p", "tier-1", "-k", "keys", "--dry-run")
    assert done.code == 0
    assert in_order(["security counter", "CANNOT BE UNDONE", "read them back", "ask who it is"], done.out)
