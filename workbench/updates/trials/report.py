"""The matrix as files: JSON, schema `workbench.trials/1`, and JUnit for continuous integration.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as Xml

from workbench.updates.trials.matrix import summary
from workbench.updates.trials.model import Row, Verdict

SCHEMA: Final = "workbench.trials/1"


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The whole matrix; `about` says which board, profile and seed."""
    found = {"schema": SCHEMA, **about, "summary": summary(rows), "trials": [row.as_json() for row in rows]}
    return json.dumps(found, indent=1) + "\n"


def as_junit(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """One test case for each trial: BROKEN is a failure, NOT RUN is skipped, SHOWN passes and says so."""
    suite = Xml.Element(
        "testsuite",
        name="workbench trial",
        tests=str(len(rows)),
        failures=str(sum(row.verdict is Verdict.BROKEN for row in rows)),
        errors="0",
        skipped=str(sum(row.verdict is Verdict.NOT_RUN for row in rows)),
        time=f"{sum(row.seconds for row in rows):.3f}",
    )
    properties = Xml.SubElement(suite, "properties")
    for name, value in about.items():
        Xml.SubElement(properties, "property", name=name, value=clean(str(value)))
    for row in rows:
        suite.append(_case(row))
    Xml.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(suite, encoding="unicode") + "\n"


def _case(row: Row) -> Xml.Element:
    case = Xml.Element("testcase", classname=f"trial.{row.group}", name=row.name, time=f"{row.seconds:.3f}")
    words = clean(f"expected: {row.expected}; observed: {row.observed}")
    if row.verdict is Verdict.BROKEN:
        Xml.SubElement(case, "failure", message=words, type="BROKEN").text = clean(
            json.dumps(dict(row.details), indent=1)
        )
    elif row.verdict is Verdict.NOT_RUN:
        Xml.SubElement(case, "skipped", message=clean(row.observed))
    else:
        Xml.SubElement(case, "system-out").text = f"{row.verdict}: {words}"
    return case


def clean(text: str) -> str:
    """Without what XML 1.0 cannot hold; a board's words may hold anything."""
    return "".join(char if char in "\t\n" or 0x20 <= ord(char) < 0xD800 else "?" for char in text)
