"""Energies: functions of many points at once, and how they become targets."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _kiln
from .errors import InputError

#: Points of one call.
ROWS = 256
#: Step of a central difference relative to a coordinate's size: where rounding and curvature cost the same.
STEP = float(np.finfo(np.float64).eps) ** (1 / 3)


@dataclass(frozen=True)
class Particles:
    """Coordinates that are `count` equal particles in 2 or 3 dimensions, whose energy no motion of all and no exchange changes."""

    count: int
    dimensions: int


class Energy:
    """An energy E(x), of which exp(-E) is to be sampled, and what is known of it.

    Parameters
    ----------
    function
        x (n, d) float64 to a pair: E (n,) and its gradient (n, d). With `gradient="finite-differences"` to E (n,) alone.
    dim
        d, the number of coordinates.
    names
        Of the coordinates; x0, x1, … where none are given.
    bounds
        A pair (low, high) for each coordinate, None for an open end; or a dict from names to pairs. Walls are transformed away.
    symmetry
        `Particles(count, dimensions)` of equal particles.
    gradient
        "exact", or "finite-differences": then an evaluation takes 2 d + 1 rows of the function.
    variables
        Samples x (n, d) as a dict of named variables, for ArviZ.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], Any],
        dim: int,
        *,
        name: str | None = None,
        names: Sequence[str] | None = None,
        bounds: Sequence[tuple[float | None, float | None]] | Mapping[str, tuple[float | None, float | None]] | None = None,
        symmetry: Particles | None = None,
        gradient: str = "exact",
        rows: int = ROWS,
        variables: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None,
    ):
        if not callable(function):
            raise InputError(f"the energy is of type {type(function).__name__}, not a function", "give a function of x (n, d)")
        self.dim = _whole(dim, "dim")
        self.name = name or _name_of(function)
        self.names = _names(names)
        self.bounds = _bounds(bounds, self.names or [f"x{at}" for at in range(self.dim)])
        self.symmetry = symmetry
        self.variables = variables
        self.rows = _whole(rows, "rows")
        if gradient == "exact":
            self.function = function
        elif gradient == "finite-differences":
            self.function = differences(function, self.bounds or [(-math.inf, math.inf)] * self.dim, self.rows)
        else:
            raise InputError(f"gradient is {gradient!r}", 'give "exact" or "finite-differences"')

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E (n,) and its gradient (n, d) at x (n, d)."""
        return self.function(x)

    def target(self) -> _kiln.Target:
        """It as a target."""
        particles = (self.symmetry.count, self.symmetry.dimensions) if self.symmetry else None
        known = {"dim": self.dim, "name": self.name, "names": self.names, "bounds": self.bounds, "particles": particles, "rows": self.rows}
        return _kiln.of_function(self.function, known)


def differences(
    function: Callable[[np.ndarray], Any], bounds: Sequence[tuple[float, float]], rows: int = ROWS
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """E alone as E and its gradient, by central differences within the bounds: 2 d + 1 rows an evaluation, of which a call has `rows` or those of
    one evaluation."""
    low, high = np.array(bounds, dtype=np.float64).T
    d = len(low)
    at_once = max(1, rows // (2 * d + 1))

    def energies(x: np.ndarray) -> np.ndarray:
        found = function(x)
        if not isinstance(found, np.ndarray) or found.shape != (len(x),):
            told = f"shape {found.shape}" if isinstance(found, np.ndarray) else f"type {type(found).__name__}"
            raise InputError(
                f"for finite differences the energy returned E of {told}, not an array of shape ({len(x)},)",
                "return E (n,) alone; with its gradient leave finite differences out",
            )
        return found

    def with_gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energy, gradient = np.empty(len(x)), np.empty_like(x)
        for first in range(0, len(x), at_once):
            part = x[first : first + at_once]
            # A thousandth of the way to a wall: beyond it there is no energy, and near it energies often bend as logarithms do.
            room = np.minimum(part - low, high - part)
            steps = np.minimum(STEP * np.maximum(np.abs(part), 1.0), np.where(np.isfinite(room), 1e-3 * np.maximum(room, 0.0), np.inf))
            points = np.repeat(part[:, None], 2 * d + 1, axis=1)
            axis = np.arange(d)
            points[:, 1 + axis, axis] += steps
            points[:, 1 + d + axis, axis] -= steps
            found = energies(points.reshape(-1, d)).reshape(len(part), 2 * d + 1)
            energy[first : first + at_once] = found[:, 0]
            # What was really stepped, after rounding; on a wall nothing, and the gradient is unknown.
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                stepped = points[:, 1 + axis, axis] - points[:, 1 + d + axis, axis]
                gradient[first : first + at_once] = (found[:, 1 : 1 + d] - found[:, 1 + d :]) / stepped
        return energy, gradient

    return with_gradient


def as_target(energy: Any, dim: int | None, **known: Any) -> tuple[_kiln.Target, Energy | None]:
    """The target that a caller means: a function with its dimension, an `Energy`, a `Target`, a name, or a file."""
    known = {key: value for key, value in known.items() if value is not None}
    if isinstance(energy, (str, os.PathLike)):
        _no_more(known, dim, "a name or a file says it itself")
        return _kiln.of_word(os.fspath(energy)), None
    if isinstance(energy, _kiln.Target):
        _no_more(known, dim, "a target knows it")
        return energy, None
    if isinstance(energy, Energy):
        _no_more(known, dim, "an Energy knows it")
        return energy.target(), energy
    if dim is None and callable(energy):
        raise InputError("dim is missing", "give the number of coordinates, for example kiln.explore(energy, 10)")
    made = Energy(energy, 1 if dim is None else dim, **known)
    return made.target(), made


def _no_more(known: Mapping[str, Any], dim: int | None, why: str) -> None:
    given = list(known) + (["dim"] if dim is not None else [])
    if given:
        raise InputError(f"{given[0]} is given twice: {why}", f"leave {given[0]} out")


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} is {value!r}, not a whole number from 1 up", f"for example {name}=10")
    return int(value)


def _names(names: Any) -> list[str] | None:
    if names is None:
        return None
    if isinstance(names, str):
        raise InputError(f"names is {names!r}, one word", 'give a list, for example names=["a", "b"]')
    told = [str(name) for name in names]
    twice = [name for name in told if told.count(name) > 1]
    if twice:
        raise InputError(f"two coordinates are called {twice[0]!r}", "give each a name of its own")
    return told


def _name_of(function: Any) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "", getattr(function, "__name__", ""))
    return name if re.match(r"[A-Za-z]", name) and name != "lambda" else "energy"


def _bounds(bounds: Any, names: list[str]) -> list[tuple[float, float]] | None:
    if bounds is None:
        return None
    if isinstance(bounds, Mapping):
        unknown = [name for name in bounds if name not in names]
        if unknown:
            raise InputError(f"there is no coordinate {unknown[0]!r} to bound", f"there are {', '.join(names)}")
        bounds = [bounds.get(name, (None, None)) for name in names]
    try:
        pairs = [(-math.inf if low is None else float(low), math.inf if high is None else float(high)) for low, high in bounds]
    except (TypeError, ValueError):
        raise InputError("bounds are no pairs of numbers", "give (low, high) for each coordinate, None for an open end") from None
    return pairs
