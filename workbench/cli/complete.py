"""Shell completion of names.  Never fails: where nothing is known, nothing is proposed."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def slot_names(ctx: Any, incomplete: str) -> list[str]:
    """Slots of the bench that the command would use."""
    try:
        from workbench.boards.bench import find_bench

        named = ctx.params.get("bench") if ctx is not None else None
        path = Path(named) if named else find_bench()
        return [name for name in _slots(path) if name.startswith(incomplete)]
    except Exception:
        return []


def target_names(incomplete: str) -> list[str]:
    """Targets that come with the workbench, of the bench and of WORKBENCH_TARGETS."""
    try:
        from workbench.boards.target import target_paths

        return [name for name in target_paths(Path.cwd()) if name.startswith(incomplete)]
    except Exception:
        return []


def profile_names(incomplete: str) -> list[str]:
    """Security profiles that come with the workbench, of the bench and of WORKBENCH_PROFILES."""
    try:
        from workbench.images.profile import profile_paths

        return [name for name in profile_paths(Path.cwd()) if name.startswith(incomplete)]
    except Exception:
        return []


def _slots(path: Path) -> list[str]:
    """Names alone: no twin is looked at."""
    import tomllib

    file = path / "bench.toml" if path.is_dir() else path
    return list(tomllib.loads(file.read_text(encoding="utf-8")).get("slots", {}))
