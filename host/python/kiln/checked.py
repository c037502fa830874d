"""Arguments, checked: what is refused is refused before anything is spent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import InputError


def count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < 2**64:
        raise InputError(f"{name} is {value!r}, not a whole number from 0 to 2^64 - 1", f"for example {name}=1000")
    return int(value)


def rows(given: Any, what: str) -> np.ndarray | None:
    """Rows of numbers in double precision."""
    if given is None:
        return None
    rows = np.asarray(given)
    if rows.dtype.kind not in "fiu":
        raise InputError(f"{what} has numbers of type {rows.dtype}", "give numbers, rows of d of them")
    return rows.astype(np.float64)


def evaluations(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not 2e4 <= value <= 1e12:
        raise InputError(f"evaluations is {value!r}, but must be a number from 20000 to 1e12", "for example evaluations=5e6")
    return int(value)


def seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not 0 < value < 1e9:
        raise InputError(f"budget is {value!r}, but must be a positive number of seconds", "for example budget=300")
    return float(value)
