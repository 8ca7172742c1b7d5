"""The tables of a recipe file, as pydantic models.

Each field's description completes the sentence "must be …" of an error.  What a plan's step takes beside
`step`, `name`, `limit_s` and `retries` is checked by the step itself.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from workbench.toml_file import Table

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
STEP_NAME: Final = r"^[a-z][a-z0-9-]{0,63}$"
MAX_STEPS: Final = 100
MAX_LIMIT_S: Final = 24 * 3600.0


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be text without control characters, and without spaces at its ends")
    return text


Text = Annotated[
    str,
    Field(min_length=1, max_length=200, description="a text of 1 to 200 characters"),
    AfterValidator(_printable),
]
PathText = Annotated[
    str,
    Field(min_length=1, max_length=1000, description="a path, in quotes, relative to this file"),
    AfterValidator(_printable),
]
Seconds = Annotated[
    float, Field(gt=0, le=MAX_LIMIT_S, strict=False, description="seconds, more than 0, at most a day")
]


class RecipeTable(Table):
    """`[recipe]`."""

    name: str = Field(pattern=NAME, description="1 to 64 letters, digits, '.', '_' or '-'")
    title: Text | None = None
    model: Text | None = None
    target: Text | None = Field(default=None, description="the name of a target, in quotes")
    targets: tuple[Text, ...] = Field(
        default=(), strict=False, max_length=32, description="a list of targets' names"
    )
    production: bool = Field(default=False, description="true or false")
    start: Literal["scan", "confirm"] = "scan"


class PermitTable(Table):
    """`[permit]`: irreversible work, by name."""

    lock: bool = Field(default=False, description="true or false")
    replace_identity: bool = Field(default=False, alias="replace-identity", description="true or false")
    erase: bool = Field(default=False, description="true or false")


class ReleaseTable(Table):
    """`[release]`."""

    folder: PathText | None = None
    firmware: PathText | None = None
    image: PathText | None = None
    version: Annotated[
        str, Field(pattern=r"^\d+\.\d+\.\d+(\+\d+)?$", description="a version such as '1.2.3' or '1.2.3+4'")
    ] = "1.0.0"
    counter: int = Field(default=1, ge=0, le=0xFFFF, description="a number from 0 to 65535")


class SecurityTable(Table):
    """`[security]`."""

    profile: PathText = Field(description="the name of a security profile, or the path of one")
    keys: PathText | None = None
    keys_credential: PathText | None = None
    device_key: Literal["on-chip", "injected"] = "injected"


class IdentityTable(Table):
    """`[identity]`."""

    ca: PathText
    ca_credential: PathText | None = None
    evidence: PathText | None = None
    evidence_credential: PathText | None = None
    template: Text = "H-3"
    unique: Text | None = None
    vendor_roots: PathText | None = None
    escrow_key: PathText | None = None
    escrow_folder: PathText | None = None
    allow: tuple[Text, ...] = Field(
        default=(), strict=False, max_length=16, description="a list of weaknesses that are accepted"
    )
    manufacturers: tuple[Text, ...] | None = Field(
        default=None, strict=False, max_length=64, description="a list of TPM manufacturers, such as ['IFX']"
    )
    label_chip: bool = Field(default=False, description="true or false")
    off_s: float = Field(default=0.5, ge=0, le=60, strict=False, description="seconds from 0 to 60")


class DatabaseTable(Table):
    """`[database]`."""

    on_loss: Literal["stop", "continue"] = "stop"
    reserve: int = Field(default=10, ge=0, le=1000, description="a number from 0 to 1000")


class LimitsTable(Table):
    """`[limits]`."""

    step_s: Seconds = 120.0
    unit_s: Seconds = 900.0


class PlanTable(Table):
    """An entry of `[[plan]]`; other keys are the step's own options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    step: str = Field(pattern=STEP_NAME, description="the name of a step, such as 'flash'")
    name: str | None = Field(
        default=None, pattern=STEP_NAME, description="1 to 64 lower-case letters, digits or '-'"
    )
    limit_s: Seconds | None = None
    retries: int = Field(default=0, ge=0, le=10, description="a number from 0 to 10")


class RecipeFile(Table):
    """A whole recipe file."""

    recipe: RecipeTable
    permit: PermitTable = PermitTable()
    release: ReleaseTable | None = None
    security: SecurityTable | None = None
    identity: IdentityTable | None = None
    database: DatabaseTable = DatabaseTable()
    limits: LimitsTable = LimitsTable()
    label: dict[str, Any] | None = Field(default=None, description="a [label] table")
    plan: tuple[PlanTable, ...] = Field(
        min_length=1, max_length=MAX_STEPS, strict=False, description="at least one [[plan]] table"
    )
