"""A TPM 2.0 over a wire: the only place that knows tpm2-pytss.

`open_tpm` connects; everything that goes in and out is bytes as the TPM marshals them, numbers, and the
frozen dataclasses of `values`.  `errors` and `values` do not load the library, nor does importing this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.wires.tpm.tpm import Tpm, open_tpm

__all__ = ["Tpm", "open_tpm"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from workbench.wires.tpm import tpm

        return getattr(tpm, name)
    raise AttributeError(name)
