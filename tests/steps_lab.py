"""Units on a line of virtual boards, for tests of steps and plans: a bench, its CA, keys, a printer that is a
folder, recipes written as people write them, and an office that is a file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.own_steps_lab import OWN_STEPS, installed
from tests.provisioning_lab import built
from tests.twin_lab import HELLO
from workbench.boards.bench import Bench, Slot, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.errors import WorkbenchError
from workbench.events import Event
from workbench.identity.ca.client import open_ca
from workbench.images import keys as key_folders
from workbench.images.profile import load_profile
from workbench.images.profile_keys import kinds_for
from workbench.station.places import database_url, journal_dir
from workbench.station.recipes.recipe import Recipe, load_recipe
from workbench.station.rehearse import prepare
from workbench.station.run import Run
from workbench.station.steps.errors import AnswerImpossible
from workbench.station.steps.run_plan import Progress, run_plan

PROFILE: Final = "tier-2-ecdsa"
MODEL: Final = "sensor-2"

Table = dict[str, Any]


def step(name: str, /, **options: Any) -> Table:
    """An entry of a plan."""
    return {"step": name, **{key.replace("__", "-"): value for key, value in options.items()}}


FLASH: Final[list[Table]] = [step("flash", limit_s=60)]
WHOLE: Final[list[Table]] = [
    step("provision"),
    step("enroll"),
    step("verify-identity"),
    step("label"),
    step("scan-label"),
]


@dataclass
class Office:
    """How far each unit is, in a file that is replaced as a whole: the part of an office that a run needs."""

    path: Path

    def progress(self, serial: str) -> Progress | None:
        """What an earlier run left."""
        kept = self._read().get(serial)
        return None if kept is None else Progress(**kept | {"finished": tuple(kept["finished"])})

    def step_began(
        self, serial: str, step: str, *, irreversible: bool, facts: Table, chip_id: str | None
    ) -> None:
        told = {"during": step, "irreversible": irreversible, "failed": False}
        self._change(serial, facts=facts, chip_id=chip_id, **told)

    def step_finished(self, serial: str, step: str, facts: Table) -> None:
        before = self.progress(serial) or Progress()
        finished = [*(key for key in before.finished if key != step), step]
        self._change(serial, finished=finished, during=None, irreversible=False, facts=facts)

    def step_failed(self, serial: str, step: str, facts: Table) -> None:
        self._change(serial, failed=True, facts=facts)

    def _change(self, serial: str, **changes: Any) -> None:
        kept = self._read()
        kept[serial] = asdict(self.progress(serial) or Progress()) | changes
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(kept))
        fresh.replace(self.path)

    def _read(self) -> dict[str, Table]:
        found: dict[str, Table] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return found


@dataclass
class Technician:
    """Answers what is asked; `scans` are used up from the front, `says` answers all other questions."""

    scans: list[str | Callable[[], str]] = field(default_factory=list)
    says: bool = True
    asked: list[str] = field(default_factory=list)
    stop: str | None = None

    def scan(self, prompt: str, text: str) -> str:
        self.asked.append(text)
        if not self.scans:
            raise AnswerImpossible("nobody is here")
        answer = self.scans.pop(0)
        return answer if isinstance(answer, str) else answer()

    def confirm(self, prompt: str, text: str) -> bool:
        self.asked.append(text)
        return self.says

    def stop_asked(self) -> str | None:
        return self.stop


@dataclass
class Done:
    """A run that ended."""

    run: Run
    events: list[Event]

    @property
    def verdict(self) -> str | None:
        return self.run.verdict

    @property
    def code(self) -> str | None:
        return self.run.error.code if self.run.error is not None else None

    @property
    def result(self) -> Table:
        return self.run.result

    @property
    def steps(self) -> list[tuple[str, str]]:
        """(step, outcome) of each."""
        return [(told["step"], told["outcome"]) for told in self.result["steps"]]

    def of(self, kind: type[Event]) -> list[Any]:
        """Events of that kind."""
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class StepsLab:
    """A line.  `serial` gives a new serial number each time."""

    folder: Path
    bench: Bench
    passphrase: Path
    office: Office
    ca: Path | None = None
    escrow: Path | None = None
    number: int = 0

    @property
    def slot(self) -> Slot:
        return self.bench.slot("v1")

    @property
    def labels(self) -> Path:
        """Where the printer puts labels."""
        return self.bench.folder / "labels"

    def serial(self) -> str:
        self.number += 1
        return f"SN-{self.number:04d}"

    def recipe(self, plan: list[Table], target: str = "microbit-v1", **tables: Table) -> Recipe:
        """A recipe with that plan; tables take the place of the usual ones, key by key."""
        usual: dict[str, Table] = {
            "recipe": {"name": "line", "model": MODEL, "target": target},
            "permit": {"lock": True},
        }
        if (keys := self.folder / "keys").is_dir():
            usual["release"] = {"folder": str(built(PROFILE)), "firmware": str(HELLO)}
            usual["security"] = {"profile": PROFILE, "keys": str(keys), "device_key": "on-chip"}
        if self.ca is not None:
            usual["identity"] = {
                "ca": str(self.ca),
                "ca_credential": str(self.passphrase),
                "escrow_key": str(self.escrow),
                "off_s": 0.0,
            }
        lines = []
        for name in {**usual, **tables}:
            lines += [f"[{name}]", *_lines({**usual.get(name, {}), **tables.get(name, {})})]
        for entry in plan:
            lines += ["[[plan]]", *_lines(entry)]
        path = self.folder / "recipe.toml"
        path.write_text("\n".join(lines) + "\n")
        return load_recipe(path)

    def run(
        self,
        recipe: Recipe,
        serial: str,
        technician: Technician | None = None,
        *,
        slot: str = "v1",
        listener: Callable[[Event], None] = lambda _event: None,
        **more: Any,
    ) -> Done:
        """One run of the recipe on the unit in the slot, which goes on where an earlier one left the unit."""
        events: list[Event] = []

        def hear(stamped: Any) -> None:
            events.append(stamped.event)
            listener(stamped.event)

        run = Run.begin(
            "unit",
            slot,
            self.bench.slot(slot).target.name,
            journal_dir=journal_dir(self.bench.folder),
            records=None,
            listeners=[hear],
        )
        with suppress(WorkbenchError, KeyboardInterrupt), run:
            run_plan(
                recipe,
                "L-1",
                serial,
                self.bench.slot(slot),
                bench=self.bench,
                run=run,
                office=self.office,
                answers=technician or Technician(),
                resume=self.office.progress(serial),
                **more,
            )
        return Done(run, events)

    def certificates(self) -> int:
        """How many the CA has issued."""
        assert self.ca is not None
        with open_ca(self.ca, self.passphrase.read_bytes) as ca:
            return ca.status().certificates

    def label_scan(self, serial: str) -> str:
        """What a scanner reads from the label that was printed last for a unit."""
        from workbench.database.engine import open_engine
        from workbench.identity.ledger import Ledger
        from workbench.station.labels.payload import label_of, payload

        ledger = Ledger(open_engine(database_url(self.bench.folder)), station="lab")
        try:
            unit = ledger.find(serial=serial)
        finally:
            ledger.close()
        key = (
            None
            if unit is None
            else next((unit.keys[r] for r in ("idevid", "device") if r in unit.keys), None)
        )
        return payload(label_of(serial, key))


@contextmanager
def boardless_lab(folder: Path) -> Iterator[StepsLab]:
    """A line whose slot "v1" has no wire that leads anywhere, with the steps of OWN_STEPS."""
    place = folder / "bench"
    place.mkdir()
    (place / "bench.toml").write_text(
        '[bench]\nname = "lab"\n[slots.v1]\ntarget = "microbit-v1"\nserial = "/dev/ttyNOWHERE"\n'
    )
    (place / "station.toml").write_text('[station]\nid = "lab"\n')
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    own = folder / "own"
    own.mkdir()
    names = {"own": "Own", "own-lock": "OwnLock", "wrong-name": "Nameless", "careless": "Careless"}
    names |= {"no-step": "broken", "not-there": "Missing"}
    with installed(own, "wb_own_steps", OWN_STEPS, names):
        yield StepsLab(folder, load_bench(place / "bench.toml"), secret, Office(folder / "office.json"))


@contextmanager
def steps_lab(folder: Path, *, twins: int = 1, tpms: int = 0, ca: bool = False) -> Iterator[StepsLab]:
    """A line in that folder, its boards without power at the end.  `ca`: with an authority, which serves."""
    folder.mkdir(exist_ok=True)
    shutil.copy(HELLO, folder / "hello.hex")
    key_folders.create(folder / "keys", list(kinds_for(load_profile(PROFILE))), test=True)
    place = folder / "bench"
    place.mkdir()
    bench = load_bench(write_virtual_bench(place, twins, tpms=tpms + (1 if ca and not tpms else 0)))
    (place / "station.toml").write_text(
        '[station]\nid = "lab"\n[printer]\nfolder = "labels"\nformat = "zpl"\n'
    )
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    lab = StepsLab(folder, bench, secret, Office(folder / "office.json"))
    with ExitStack() as stack:
        for slot in bench.slots.values():
            stack.callback(slot.need_power().off)
        if ca:
            bench.slot("t1").need_power().on()  # makes the vendor who vouches for its TPM
            wanted = prepare(bench)
            secret.write_bytes(wanted.ca_passphrase())
            lab.ca, lab.escrow = wanted.ca, wanted.tpm.escrow_key
            stack.enter_context(open_ca(wanted.ca, wanted.ca_passphrase))
        yield lab


def _lines(table: Table) -> list[str]:
    """A table as TOML has it."""
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]
