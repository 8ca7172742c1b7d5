"""The lease of a dead process is free at once; that of a live one is not, whatever its number says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.boards.leases import SlotLeased, lease, lease_status

HOLDER = """
import sys
from pathlib import Path
from workbench.boards.leases import lease
with lease(Path(sys.argv[1]), "holder", "a long test"):
    print("holding", flush=True)
    sys.stdin.read()
"""

HOLDER_WITH_CHILD = """
import os, subprocess, sys
from pathlib import Path
from workbench.boards.leases import lease
with lease(Path(sys.argv[1]), "holder", "with a child") as held:
    fds = [claim.fd for claim in held._claims]
    for fd in fds:
        os.set_inheritable(fd, True)
    child = subprocess.Popen(["cat"], stdin=0, pass_fds=fds)
    print("holding", flush=True)
    child.wait()
"""

FORKER = """
import os, sys
from pathlib import Path
from workbench.boards.leases import lease
with lease(Path(sys.argv[1]), "forker", "with a fork") as held:
    if os.fork() == 0:
        held._give_back()
        print("holding", flush=True)
        sys.stdin.read()
        os._exit(0)
    os.wait()
"""


DROPPER = """
import os, sys
from pathlib import Path
from workbench.boards.leases import lease
with lease(Path(sys.argv[1]), "dropper", "with a fork") as held:
    forked, in_child = os.pipe()
    if os.fork() == 0:
        os.write(in_child, b".")
        sys.stdin.read()
        os._exit(0)
    os.read(forked, 1)
    held._watch.end()
    for claim in held._claims:
        claim.close()
    print("holding", flush=True)
    os.wait()
"""


def hold(slot: Path, program: str = HOLDER) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(slot)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"holding\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=10)


def test_a_live_owner_keeps_it_and_is_named(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    holder = hold(slot)
    with pytest.raises(
        SlotLeased, match=r"slot a1 is leased by holder .* until .* for: a long test"
    ) as refused:
        lease(slot, "me", "trying").take()
    assert refused.value.status.pid == holder.pid
    assert lease_status(slot).state == "leased"
    end(holder)


def test_kill_9_frees_it_at_once(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    end(hold(slot))
    assert lease_status(slot).state == "abandoned"
    with lease(slot, "me", "taking over"):
        assert lease_status(slot).owner == "me"
    assert [p.name for p in slot.iterdir()] == ["lease.lock"]


def test_a_child_that_outlives_the_owner_does_not_keep_it(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    holder = hold(slot, HOLDER_WITH_CHILD)
    with pytest.raises(SlotLeased):
        lease(slot, "me", "trying").take()
    holder.kill()
    holder.wait(timeout=10)
    with lease(slot, "me", "taking over"):
        assert lease_status(slot).owner == "me"
    assert holder.stdin is not None
    holder.stdin.close()


def test_a_forked_child_neither_gives_it_back_nor_keeps_it(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    forker = hold(slot, FORKER)
    with pytest.raises(SlotLeased):
        lease(slot, "me", "trying").take()
    forker.kill()
    forker.wait(timeout=10)
    with lease(slot, "me", "taking over"):
        pass
    assert forker.stdin is not None
    forker.stdin.close()


def test_a_forked_child_is_no_sign_of_life(tmp_path: Path) -> None:
    dropper = hold(tmp_path / "a1", DROPPER)
    assert lease_status(tmp_path / "a1").state == "abandoned"
    end(dropper)


def test_a_recycled_process_number_is_not_taken_for_the_owner(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    end(hold(slot))
    record = json.loads((slot / "lease.json").read_text())
    record["process"]["pid"] = os.getpid()
    (slot / "lease.json").write_text(json.dumps(record))
    os.unlink(slot / f"lease-{record['token']}")  # nothing but the number and its start is left to judge by
    assert lease_status(slot).state == "abandoned"
    record["process"]["pid_start"] = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    (slot / "lease.json").write_text(json.dumps(record))
    assert lease_status(slot).state == "leased"


def test_a_lease_from_before_a_reboot_is_free(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    end(hold(slot))
    record = json.loads((slot / "lease.json").read_text())
    record["process"] |= {"boot_id": "an earlier one", "pid": os.getpid()}
    (slot / "lease.json").write_text(json.dumps(record))
    with lease(slot, "me", "after the reboot"):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b'{"token": 1}', b"[]", b"\xff"])
def test_an_unreadable_record_counts_only_while_somebody_holds_it(tmp_path: Path, content: bytes) -> None:
    slot = tmp_path / "a1"
    holder = hold(slot)
    (slot / "lease.json").write_bytes(content)
    with pytest.raises(SlotLeased, match="cannot be read"):
        lease(slot, "me", "trying").take()
    end(holder)
    with lease(slot, "me", "taking over"):
        pass


def test_the_same_process_cannot_have_it_twice(tmp_path: Path) -> None:
    with lease(tmp_path / "a1", "me", "first"), pytest.raises(SlotLeased, match="first"):
        lease(tmp_path / "a1", "me", "second").take()
