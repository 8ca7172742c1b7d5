"""`workbench update` on a unit with the samples' bootloader: new images run and are proven, others named."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_bench import CliBench, Ended, cli_bench, ended, until
from tests.provisioning_lab import built
from workbench.images import keys as key_folders

pytestmark = pytest.mark.xdist_group("updates of a unit")

PROFILE = "tier-2-ecdsa"


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    """A unit that runs 1.0.0."""
    with cli_bench(1) as made:
        key_folders.create(made.folder / "keys", ["ecdsa-p256", "encryption"])
        key_folders.create(made.folder / "strangers", ["ecdsa-p256", "encryption"])
        done = made.run("provision", "v1", "-p", PROFILE, "-k", "keys", "--firmware", built(PROFILE))
        assert done.code == 0, done
        yield made


def release(
    bench: CliBench, version: str, *more: str, keys: str = "keys", device: str = "microbit-v1"
) -> Path:
    """An image of the samples' application; its name tells the version."""
    app = built(PROFILE) / "secure" / "nrf51" / PROFILE / "app.bin"
    out = bench.folder / f"{version}-{keys}-{device}{''.join(more)}.img"
    words = ["-v", version, "-p", PROFILE, "--keys", keys, "--device", device, "--counter", "1", *more]
    done = bench.run("image", "build", app, out, *words)
    assert done.code == 0, done
    return out


def code(done: Ended) -> str:
    return str(done.last["error"]["code"])


@pytest.mark.parametrize(("version", "more"), [("1.1.0", []), ("1.2.0", ["--encrypt"])])
def test_a_new_release_runs_and_is_proven(bench: CliBench, version: str, more: list[str]) -> None:
    done = bench.run("update", "v1", release(bench, version, *more), "--keys", "keys", "--json")
    assert done.code == 0, done
    result = done.last["result"]
    assert (result["outcome"], result["version"]) == ("updated", version)
    assert result["checks"][:6] == ["version", "hash", "slot", "confirmed", "identity", "challenge"]
    assert result["checks"][6] == ("flash-hash" if more else "flash-bytes")
    assert done.observed("challenge")[0]["key_checked"] is True
    assert done.observed("running-image")[0]["confirmed"] is True


def test_what_runs_already_is_not_written_again(bench: CliBench) -> None:
    image = release(bench, "1.3.0")
    assert bench.run("update", "v1", image).code == 0
    done = bench.run("update", "v1", image, "--keys", "keys", "--json")
    assert (done.code, done.last["result"]["outcome"], done.last["result"]["upload"]) == (
        0,
        "unchanged",
        None,
    )


def test_a_wrong_image_is_refused_with_the_units_reason(bench: CliBench) -> None:
    for image, reason in (
        (release(bench, "0.9.0"), "version"),
        (release(bench, "3.0.0", keys="strangers"), "signer-chain"),
    ):
        done = bench.run("update", "v1", image, "--json")
        assert (done.code, code(done)) == (1, "update-refused"), done
        assert done.observed("standing") == [{"standing": "refused", "reason": reason}]


def test_another_products_image_is_named_so(bench: CliBench) -> None:
    done = bench.run("update", "v1", release(bench, "3.0.0", device="mps2-an385"), "--json")
    assert (done.code, code(done)) == (1, "update-image-for-another-device")


def test_keys_of_another_fleet_prove_nothing(bench: CliBench) -> None:
    done = bench.run("update", "v1", release(bench, "1.4.0"), "--keys", "strangers", "--json")
    assert (done.code, code(done)) == (1, "update-not-verified")


def test_consent_is_the_devices(bench: CliBench) -> None:
    image = release(bench, "1.5.0", "--severity", "optional")
    done = bench.run("update", "v1", image, "--json")
    assert (done.code, code(done)) == (130, "update-consent-needed")
    assert done.observed("consent")[0]["state"] == "waiting"
    done = bench.run("update", "v1", image, "--consent", "grant", "--json")
    assert (done.code, done.last["result"]["outcome"]) == (0, "updated"), done


def test_an_upload_that_was_broken_off_goes_on(bench: CliBench) -> None:
    image = release(bench, "1.6.0")
    process = bench.begin("update", "v1", image, "--window", "1", "--json")
    until(process, "progress", step="upload")
    process.send_signal(signal.SIGINT)
    assert ended(process).code in (0, 130)
    done = bench.run("update", "v1", image, "--keys", "keys", "--json")
    assert (done.code, done.last["result"]["version"]) == (0, "1.6.0"), done


def test_a_damaged_file_never_leaves_the_station(bench: CliBench) -> None:
    image = release(bench, "1.7.0")
    data = bytearray(image.read_bytes())
    data[2000] ^= 1
    image.write_bytes(data)
    done = bench.run("update", "v1", image, "--json")
    assert (done.code, code(done)) == (2, "update-image-invalid")
    done = bench.run("update", "v1", image, "--unchecked", "--json")
    assert (done.code, code(done)) == (1, "update-refused"), done


def test_without_a_device_the_silence_is_told(bench: CliBench) -> None:
    image = release(bench, "1.8.0")
    done = bench.run("update", "v1", image, "--transport", "smp+udp://127.0.0.1:9", "--json")
    assert (done.code, code(done)) == (1, "smp-silent")
