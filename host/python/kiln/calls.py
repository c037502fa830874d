"""What is called: explore, train, load."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from . import _kiln, checked
from ._fork import enter
from .energy import Energy, as_target
from .errors import Error, InputError, NotConverged
from .pool import Pool
from .progress import watcher
from .sampler import Directory, Sampler


def explore(
    energy: Any,
    dim: int | None = None,
    *,
    evaluations: int = 5_000_000,
    budget: float | None = None,
    names: Any = None,
    symmetry: Any = None,
    bounds: Any = None,
    start: np.ndarray | None = None,
    gradient: str | None = None,
    rows: int | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    progress: Any = None,
) -> Pool:
    """Finds the modes of an energy and draws states of it by replica exchange.

    `energy` is a function of x (n, d), an `Energy`, the name of a target that comes with Kiln, a formula file, or a shared library; what
    is said of a function is what `Energy` takes. It takes at most so many `evaluations`, and about `budget` seconds. Chains begin at the
    points `start` (n, d), or scattered. The pool is written to the directory `out`, if given. Where it has not converged, a warning says why.
    """
    target, known = as_target(energy, dim, names=names, symmetry=symmetry, bounds=bounds, gradient=gradient, rows=rows)
    shown = watcher(progress)
    enter()
    asked = {
        "evaluations": checked.evaluations(evaluations),
        "seconds": checked.seconds(budget),
        "seed": checked.count(seed, "seed"),
        "start": checked.rows(start, "start"),
        "out": out,
    }
    try:
        pool = Pool(_kiln.explore(target, asked, shown), known)
    finally:
        _end(shown)
    if not pool.converged:
        warnings.warn(f"the exploration has not converged: {'; '.join(pool.facts['reasons'])}", NotConverged, stacklevel=2)
    return pool


def train(
    energy: Any,
    dim: int | None = None,
    *,
    evaluations: int | None = None,
    budget: float | None = None,
    preset: str | None = None,
    names: Any = None,
    symmetry: Any = None,
    bounds: Any = None,
    start: np.ndarray | None = None,
    gradient: str | None = None,
    rows: int | None = None,
    pool: Pool | str | os.PathLike[str] | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: Any = None,
    **settings: Any,
) -> Sampler:
    """Trains a one-step sampler of an energy: explores it first, or takes what was explored before (`pool`).

    `evaluations` is all that exploration and training may take, `budget` about the seconds. The run is written to the directory `out`, or to
    a temporary one, which goes when the sampler does: `sampler.save` keeps it. `resume` goes on with a run that was interrupted. Any other
    setting of `kiln presets` is a keyword with an underscore for its point: `train_steps=2000` is `train.steps`. Where the verdict on the
    samples is that they fail, a warning says why.
    """
    enter()
    _refuse_twice(settings, pool, resume, out, preset, seed, evaluations, start)
    if resume is not None and dim is None and callable(energy) and not isinstance(energy, (_kiln.Target, Energy)):
        explored_names = _names_of(resume)
        dim, names = len(explored_names), names or explored_names
    target, known = as_target(energy, dim, names=names, symmetry=symmetry, bounds=bounds, gradient=gradient, rows=rows)
    asked = [f"{_key(name)}={_text(value)}" for name, value in settings.items()]
    if resume is None:
        asked += [f"run.seed={checked.count(seed, 'seed')}"] + ([f"run.preset={preset}"] if preset is not None else [])
    explored = Pool.open(pool) if isinstance(pool, (str, os.PathLike)) else pool
    if explored is not None and not isinstance(explored, Pool):
        raise InputError(f"pool is of type {type(pool).__name__}", "give a kiln.Pool, or the directory of one")
    shown = watcher(progress)
    wanted = {
        "settings": asked,
        "resume": resume,
        "explored": explored._inner if explored is not None else None,
        "evaluations": None if evaluations is None else checked.evaluations(evaluations),
        "seconds": checked.seconds(budget),
        "start": checked.rows(start, "start"),
    }
    place, directory = out, None
    if out is None and resume is None:
        directory = Directory()
        place = os.path.join(directory.path, target.name)
    wanted["out"] = place
    try:
        inner = _kiln.train(target, wanted, shown)
    except BaseException as error:
        kept = os.fspath(resume if place is None else place)
        if os.path.isfile(os.path.join(kept, "checkpoint.safetensors")):
            if directory is not None:
                directory.remove.detach()
            note = f"what was done is kept: kiln.train(energy, resume={kept!r}) goes on"
            if hasattr(error, "add_note"):
                error.add_note(note)
            else:
                warnings.warn(note, stacklevel=2)
        raise
    finally:
        _end(shown)
    sampler = Sampler(inner, target, known)
    verdict = sampler.verdict
    if verdict is not None and verdict.outcome == "fails":
        warnings.warn(f"the sampler does not draw its target: {verdict.reason}", NotConverged, stacklevel=2)
    return sampler


def _refuse_twice(settings: Any, pool: Any, resume: Any, out: Any, preset: Any, seed: int, evaluations: Any, start: Any) -> None:
    """Refuses what would be ignored."""
    for name in ("seed", "preset", "target"):
        if f"run_{name}" in settings:
            raise InputError(f"run_{name} is an argument of its own here", f"give {name}=" if name != "target" else "leave it out")
    if resume is not None and (out is not None or preset is not None or pool is not None or seed or evaluations is not None or start is not None):
        raise InputError("a run that goes on has its own seed, preset, exploration and directory", "leave them out beside resume")
    if pool is not None and (evaluations is not None or start is not None):
        raise InputError("what was explored before has its own evaluations and starts", "leave evaluations and start out beside pool")


def _names_of(run: str | os.PathLike[str]) -> list[str]:
    """Names of the coordinates of a run that began with an exploration."""
    place = os.path.join(os.fspath(run), "exploration")
    if not os.path.isdir(place):
        raise InputError(f"'{os.fspath(run)}' does not say how many coordinates it has", "give dim beside resume")
    return Pool.open(place).names


def load(place: str | os.PathLike[str], energy: Any = None) -> Sampler:
    """A trained sampler: a run directory, a model file, or the name of one that comes with Kiln. `energy` is needed to judge one that was trained
    on a Python function."""
    enter()
    inner = _kiln.load(os.fspath(place))
    known = None
    if energy is None:
        try:
            target = inner.known_target()
        except Error:
            # Samples need no energy.
            target = None
    else:
        dim = inner.dim if callable(energy) and not isinstance(energy, (_kiln.Target, Energy)) else None
        target, known = as_target(energy, dim)
    return Sampler(inner, target, known)


def _key(name: str) -> str:
    return name.replace("_", ".", 1)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _end(shown: Any) -> None:
    if hasattr(shown, "end"):
        shown.end()
