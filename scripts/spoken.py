"""Finds what errors say and the parts of steps are called, for the catalogues.

These texts stay plain strings and f-strings in the source.  Here they become forms with named fields, as
"slot {slot}: step {key} took longer than {limit_s} s", and a face finds the form of a finished text again
(workbench.languages.forms), also where it comes from another process or a file.

In the modules of SPOKEN every text of several words is one, but docstrings, SQL and what SILENT calls take.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SPOKEN: Final = (
    "boards/bench.py",
    "boards/exchange.py",
    "boards/lease",
    "boards/power.py",
    "boards/sightings.py",
    "boards/usb.py",
    "database/engine.py",
    "identity/ca/authority.py",
    "identity/ca/ca_file.py",
    "identity/ca/client.py",
    "identity/ca/credential.py",
    "identity/ca/folder_files.py",
    "identity/ca/key_file.py",
    "identity/ca/locks.py",
    "identity/ca/opened.py",
    "identity/ca/places.py",
    "identity/ca/service.py",
    "identity/ca/start_worker.py",
    "identity/ca/store.py",
    "identity/ca/texts.py",
    "identity/ca/units.py",
    "identity/clocks.py",
    "identity/ledger/claiming.py",
    "identity/ledger/moves.py",
    "identity/ledger/transactions.py",
    "identity/ledger/values.py",
    "identity/mcu/again.py",
    "identity/mcu/bench_work.py",
    "identity/mcu/certificate.py",
    "identity/mcu/checks.py",
    "identity/mcu/errors.py",
    "identity/mcu/flow.py",
    "identity/mcu/ground.py",
    "identity/mcu/hearing.py",
    "identity/mcu/keying.py",
    "identity/mcu/lock",
    "identity/mcu/protocol.py",
    "identity/one_unit.py",
    "identity/tpm/reasons.py",
    "identity/tpm_enroll/ek.py",
    "identity/tpm_enroll/escrow.py",
    "identity/tpm_enroll/flow.py",
    "identity/tpm_enroll/ground.py",
    "identity/tpm_enroll/key",
    "identity/tpm_enroll/preflight.py",
    "identity/tpm_enroll/stor",
    "identity/tpm_enroll/verify.py",
    "images/files.py",
    "images/keys.py",
    "probes/algorithm.py",
    "probes/chip.py",
    "probes/connect.py",
    "probes/erase.py",
    "probes/faults.py",
    "probes/find.py",
    "probes/flash.py",
    "probes/guard.py",
    "probes/ledger.py",
    "probes/limits.py",
    "probes/lock.py",
    "probes/read.py",
    "probes/recover.py",
    "probes/session.py",
    "probes/start.py",
    "probes/verify.py",
    "probes/words.py",
    "station/enroll.py",
    "station/evidence.py",
    "station/evidence_log.py",
    "station/journal.py",
    "station/labels/payload.py",
    "station/labels/printing.py",
    "station/line/answers.py",
    "station/line/inbox.py",
    "station/line/unit.py",
    "station/line/worker.py",
    "station/lots/attempts.py",
    "station/lots/central.py",
    "station/lots/deciding.py",
    "station/lots/local.py",
    "station/lots/local_schema.py",
    "station/lots/lots.py",
    "station/lots/reserving.py",
    "station/lots/rows.py",
    "station/operators.py",
    "station/operators_pin.py",
    "station/provision.py",
    "station/run.py",
    "station/run_log_file.py",
    "station/side_by_side.py",
    "station/slots.py",
    "station/steps/c",
    "station/steps/e",
    "station/steps/flash.py",
    "station/steps/label.py",
    "station/steps/material.py",
    "station/steps/power_cycle.py",
    "station/steps/provision.py",
    "station/steps/run_plan.py",
    "station/steps/scan_label.py",
    "station/steps/trial.py",
    "station/steps/update.py",
    "station/steps/verify",
    "station/steps/who.py",
    "station/trials.py",
    "station/update.py",
    "station/verdicts.py",
    "tui/crash.py",
    "toml_file.py",
    "updates/activate.py",
    "updates/deliver.py",
    "updates/device.py",
    "updates/errors.py",
    "updates/provision.py",
    "updates/upload.py",
    "updates/verify.py",
    "virtual/tpm_boards.py",
    "virtual/twins.py",
    "wires/console.py",
    "wires/fd_port.py",
    "wires/link.py",
    "wires/rawlog.py",
    "wires/serial_port.py",
    "wires/smp",
    "wires/timeouts.py",
    "wires/tpm/connection.py",
    "wires/tpm/errors.py",
    "wires/tpm/module_transport.py",
    "wires/tpm/nv.py",
    "wires/tpm/pytcti.py",
    "wires/tpm/session.py",
    "wires/tpm/transports.py",
    "wires/url_port.py",
)
"""How the names of the modules begin, within the package, whose texts reach a technician's screen."""
SILENT: Final = (
    "_",
    "N_",
    "ngettext",
    "Field",
    "Notice",
    "_say",
    "note",
    "execute",
    "cast",
    "Thread",
    "ValueError",
    "TypeError",
    "AssertionError",
    "RuntimeError",
)
"""Calls whose texts are found otherwise, or are for engineers."""
GENERAL: Final = ("name", "id", "text", "value")
"""Attributes that say less than the name of what has them."""
_WORDS: Final = re.compile(r"[A-Za-z]{2,}[,;:]? |.+ [A-Za-z]{2,}", re.DOTALL)
_CODE: Final = re.compile(r"[A-Z]{4,} |#|\w+ = ")
"""SQL, and lines of TOML."""


def spoken(path: Path, package: Path) -> Iterator[str]:
    """The forms of a module's texts; none for one that is not in SPOKEN."""
    if path.relative_to(package).as_posix().startswith(SPOKEN):
        yield from _forms(ast.parse(path.read_text(encoding="utf-8")))


def _forms(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return  # a docstring
        case ast.Call(func=called) if _name(called) in SILENT:
            return
        case ast.Constant(value=str(text)):
            yield from _told(_escaped(text))
            return
        case ast.JoinedStr(values=parts):
            yield from _told(_joined(parts))
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    yield from _forms(part.value)
            return
    for child in ast.iter_child_nodes(node):
        yield from _forms(child)


def _told(form: str) -> Iterator[str]:
    """The form, where it is words of a language."""
    if _WORDS.search(re.sub(r"\{\w+\}", "0", form)) and not _CODE.match(form):
        yield form


def _joined(parts: list[ast.expr]) -> str:
    """An f-string as a form: each field has a name of its own."""
    told, taken = "", list[str]()
    for part in parts:
        if isinstance(part, ast.FormattedValue):
            taken.append(field_name(part.value))
            number = taken.count(taken[-1])
            told += "{" + taken[-1] + (str(number) if number > 1 else "") + "}"
        elif isinstance(part, ast.Constant):
            told += _escaped(str(part.value))
    return told


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def field_name(value: ast.expr) -> str:
    """A name for what a field shows: "slot" of `ctx.slot.name`, "what" of `clean_text(error.what)`."""
    match value:
        case ast.Name(id=name):
            return name.strip("_").lower()
        case ast.Attribute(value=owner, attr=name) if name in GENERAL and _name(owner) not in ("self", ""):
            return _name(owner).strip("_").lower()
        case ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(args=[ast.expr() as first, *_]) | ast.BoolOp(values=[first, *_]):
            return field_name(first)
        case ast.Call(func=first) | ast.Subscript(value=first) | ast.BinOp(left=first):
            return field_name(first)
        case ast.IfExp(body=first, orelse=second):
            return field_name(second if isinstance(first, ast.Constant) else first)
        case ast.GeneratorExp(elt=first) | ast.ListComp(elt=first):
            return field_name(first)
    return "value"


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
