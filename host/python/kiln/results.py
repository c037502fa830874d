"""What explorations and trainings give."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _kiln
from ._fork import enter
from .energy import Energy, as_target
from .errors import Error, InputError, NotConverged
from .progress import watcher
from .table import Table


class Pool:
    """States of an energy from independent ladders of replica exchange, and what is known of them."""

    def __init__(self, inner: _kiln.Pool, energy: Energy | None = None):
        self._inner = inner
        self._energy = energy
        self.facts: dict[str, Any] = json.loads(inner.json)

    @classmethod
    def open(cls, path: str | os.PathLike[str], energy: Energy | None = None) -> Pool:
        """One that was saved, or that `kiln explore` wrote. With the `Energy` of an adapter, `to_arviz` knows its variables again."""
        return cls(_kiln.Pool.open(path), energy)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a new directory, as `kiln explore` does."""
        self._inner.save(path)

    @property
    def draws(self) -> np.ndarray:
        """The states (chains, draws, d), float32."""
        return self._inner.draws

    @property
    def energies(self) -> np.ndarray:
        """E of each (chains, draws)."""
        return self._inner.energies

    @property
    def names(self) -> list[str]:
        """Names of the coordinates."""
        return self.facts["names"]

    @property
    def converged(self) -> bool:
        """Whether everything that is watched says so; `facts["reasons"]` says what does not."""
        return not self.facts["reasons"]

    @property
    def evaluations(self) -> int:
        """Evaluations of the energy, exactly."""
        return self.facts["evaluations"]

    @property
    def log_z(self) -> tuple[float, float] | None:
        """log ∫ exp(-E) and its standard error; None where they are unknown."""
        return tuple(self.facts["log_z"]) if self.facts["log_z"] else None

    def summary(self) -> Table:
        """Mean, width, quantiles, effective sample size and R-hat of everything that was watched."""
        quantiles = ("5 %", "25 %", "50 %", "75 %", "95 %")
        rows = [
            {"": f["name"], "mean": f["mean"], "sd": f["sd"], **dict(zip(quantiles, f["quantiles"])), "ESS": f["effective"], "R-hat": f["r_hat"]}
            for f in self.facts["figures"]
        ]
        return Table(rows, repr(self))

    def to_arviz(self) -> Any:
        """The states as ArviZ knows them: chains are the ladders, `sample_stats` has the log density, `lp` = -E."""
        return _arviz(self.draws, self.energies, self.names, self._energy, self.facts)

    def __repr__(self) -> str:
        ess, r_hat = self._inner.effective, self._inner.r_hat
        state = "converged" if self.converged else "not converged: " + "; ".join(self.facts["reasons"])
        chains, draws = self.energies.shape
        return (
            f"<kiln.Pool of {self.facts['target']}: {chains} chains of {draws} states, effective sample size {ess:.0f}, R-hat {r_hat:.3f}, "
            f"{self.evaluations:.2e} evaluations; {state}>"
        )


class Verdict(dict):
    """Whether samples are those of the target: `outcome` is "holds", "fails" or "cannot be told", `reason` says why."""

    NAMES = {"cannot-tell": "cannot be told"}

    @property
    def outcome(self) -> str:
        return self.NAMES.get(self["outcome"], self["outcome"])

    @property
    def reason(self) -> str:
        return self["reason"]

    def __bool__(self) -> bool:
        """Whether it holds."""
        return self.outcome == "holds"

    def __repr__(self) -> str:
        return f"<kiln.Verdict {self.outcome}: {self.reason}>"


class Report(dict):
    """Every figure of some samples, with its floor or truth, its number of samples and the evaluations it cost: a dict, a table in a terminal,
    HTML in a notebook."""

    def __init__(self, figures: Mapping[str, Any], table: str):
        super().__init__(figures)
        self._table = table

    @property
    def verdict(self) -> Verdict | None:
        """Whether the samples are those of the target."""
        return Verdict(self["verdict"]) if self.get("verdict") else None

    def figure(self, metric: str) -> float | None:
        """The value of the figure of that name."""
        for row in self["rows"]:
            if row["metric"] == metric:
                return row["value"]
        names = ", ".join(row["metric"] for row in self["rows"])
        raise InputError(f"there is no figure {metric!r}", f"there are {names}")

    def __str__(self) -> str:
        return self._table

    def __repr__(self) -> str:
        return self._table

    def _repr_html_(self) -> str:
        keys = ("metric", "value", "sd", "floor", "floor_sd", "truth", "n")
        rows = [{key: row.get(key) for key in keys} for row in self["rows"]]
        return Table(rows, repr(self.verdict) if self.verdict else "")._repr_html_()


class _Directory:
    """A temporary directory, which goes when nobody holds it any more."""

    known: weakref.WeakValueDictionary[str, _Directory] = weakref.WeakValueDictionary()

    def __init__(self) -> None:
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="kiln-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        self.known[self.path] = self

    @classmethod
    def of(cls, run: str | None) -> _Directory | None:
        """The one that a run lies in."""
        return cls.known.get(os.path.dirname(os.path.realpath(run))) if run else None


class Sampler:
    """A trained generator: every sample is one pass of a small network, and none costs an evaluation of the energy."""

    def __init__(self, inner: _kiln.Sampler, target: _kiln.Target | None = None, energy: Energy | None = None):
        self._inner = inner
        self._target = target
        self._energy = energy
        # A temporary directory is there as long as a sampler of a run in it is.
        self._directory = _Directory.of(self.path)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self._inner.dim

    @property
    def path(self) -> str | None:
        """Its run directory, with generator, checkpoints, metrics, exploration and samples; None of what is no run."""
        return str(self._inner.path) if self._inner.path else None

    @property
    def verdict(self) -> Verdict | None:
        """Whether it draws its target, as its training found; None where nobody looked."""
        text = self._inner.verdict_json
        return Verdict(json.loads(text)) if text else None

    @property
    def pool(self) -> Pool | None:
        """The exploration that it learned from."""
        explored = self._inner.explored
        return Pool(explored, self._energy) if explored else None

    def sample(self, n: int, seed: int = 0, *, first: int = 0, steps: int | None = None) -> np.ndarray:
        """Samples (n, d), float32. Sample i of a seed is the same whichever others are drawn; `first` is the number of the first. With
        `steps` the run's denoiser draws them, better and slower."""
        enter()
        n, seed, first = (_count(value, name) for value, name in ((n, "n"), (seed, "seed"), (first, "first")))
        _count(first + n, "first + n")
        # Raises MemoryError where there is no room for them.
        np.empty((n, self.dim), dtype=np.float32)
        if steps is None:
            return self._inner.sample(n, seed, first)
        return self._inner.sample_in_steps(n, seed, first, _count(steps, "steps"))

    def evaluate(self, reference: Pool | np.ndarray | None = None, *, energy: Any = None, seed: int = 0, progress: Any = None) -> Report:
        """Judges its samples: against a reference, or what it was explored with."""
        enter()
        target = self._known(energy, "evaluate")
        pool = reference._inner if isinstance(reference, Pool) else None
        given = None if pool else _rows(reference, "the reference")
        text, table = self._inner.evaluate(target, given, pool, _count(seed, "seed"), watcher(progress))
        return Report(json.loads(text), table)

    def export(self, path: str | os.PathLike[str], format: str = "i16w16a", *, energy: Any = None, quality: bool = True, force: bool = False) -> int:
        """Writes it as one file that runs anywhere, in floats ("f32") or integers ("i16w16a", "i8w16a"); returns its bytes. With `quality`
        it is judged, and the file says how good it is."""
        enter()
        target = self._known(energy, "export") if quality else None
        return self._inner.export(path, format, target, force)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Copies its run to a new directory: `kiln.load` opens it."""
        if self.path is None:
            raise InputError("this sampler is no run", "export it, or keep the file that it came from")
        if os.path.exists(path):
            raise InputError(f"'{os.fspath(path)}' exists already", "nothing was overwritten; give another directory")
        shutil.copytree(self.path, path, ignore=shutil.ignore_patterns("*.lock", "lock"))

    def to_arviz(self, n: int = 4000, *, chains: int = 4, seed: int = 0) -> Any:
        """Draws as ArviZ knows them. They are independent: chains are only how they are counted."""
        if _count(chains, "chains") < 1 or _count(n, "n") % chains:
            raise InputError(f"{n} draws do not make {chains} equal chains", "give a multiple, for example n=4000, chains=4")
        draws = self.sample(n, seed).reshape(chains, -1, self.dim)
        pool = self.pool
        names = pool.names if pool else [f"x{at}" for at in range(self.dim)]
        return _arviz(draws, None, names, self._energy, {"target": self._inner.target, "seed": seed})

    def _known(self, energy: Any, what: str) -> _kiln.Target:
        if energy is not None:
            dim = self.dim if callable(energy) and not isinstance(energy, (_kiln.Target, Energy)) else None
            return as_target(energy, dim)[0]
        if self._target is None:
            name = self._inner.target
            raise InputError(f"the energy of {name} is not at hand", f"give it: sampler.{what}(energy=…)")
        return self._target

    def __repr__(self) -> str:
        verdict = self.verdict
        return f"<kiln.Sampler of {self._inner.target}, {self.dim} dimensions{'; ' + verdict.outcome if verdict else ''}>"


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < 2**64:
        raise InputError(f"{name} is {value!r}, not a whole number from 0 to 2^64 - 1", f"for example {name}=1000")
    return int(value)


def _rows(given: Any, what: str) -> np.ndarray | None:
    """Rows of numbers in double precision."""
    if given is None:
        return None
    rows = np.asarray(given)
    if rows.dtype.kind not in "fiu":
        raise InputError(f"{what} has numbers of type {rows.dtype}", "give numbers, rows of d of them")
    return rows.astype(np.float64)


def _arviz(draws: np.ndarray, energies: np.ndarray | None, names: list[str], energy: Energy | None, facts: Mapping[str, Any]) -> Any:
    try:
        import arviz
    except ImportError:
        raise InputError("ArviZ is not installed", "pip install arviz") from None
    chains, n, dim = draws.shape
    if energy is not None and energy.variables is not None:
        flat = energy.variables(draws.reshape(-1, dim).astype(np.float64))
        posterior = {name: np.asarray(value).reshape(chains, n, *np.shape(value)[1:]) for name, value in flat.items()}
    else:
        posterior = {name: draws[:, :, at].astype(np.float64) for at, name in enumerate(names)}
    groups = {"posterior": posterior}
    if energies is not None:
        # By ArviZ's names: its `energy` is that of a Hamiltonian.
        groups["sample_stats"] = {"lp": -energies}
    attributes = {key: value for key, value in facts.items() if isinstance(value, (str, int, float)) and not isinstance(value, bool)}
    # Before version 1 groups were arguments.
    by_name = "posterior" in inspect.signature(arviz.from_dict).parameters
    data = arviz.from_dict(**groups) if by_name else arviz.from_dict(groups)
    data["posterior"].attrs.update(attributes)
    return data


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
        "evaluations": _evaluations(evaluations),
        "seconds": _seconds(budget),
        "seed": _count(seed, "seed"),
        "start": _rows(start, "start"),
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
        asked += [f"run.seed={_count(seed, 'seed')}"] + ([f"run.preset={preset}"] if preset is not None else [])
    explored = Pool.open(pool) if isinstance(pool, (str, os.PathLike)) else pool
    if explored is not None and not isinstance(explored, Pool):
        raise InputError(f"pool is of type {type(pool).__name__}", "give a kiln.Pool, or the directory of one")
    shown = watcher(progress)
    wanted = {
        "settings": asked,
        "resume": resume,
        "explored": explored._inner if explored is not None else None,
        "evaluations": None if evaluations is None else _evaluations(evaluations),
        "seconds": _seconds(budget),
        "start": _rows(start, "start"),
    }
    place, directory = out, None
    if out is None and resume is None:
        directory = _Directory()
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


def _evaluations(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not 2e4 <= value <= 1e12:
        raise InputError(f"evaluations is {value!r}, but must be a number from 20000 to 1e12", "for example evaluations=5e6")
    return int(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not 0 < value < 1e9:
        raise InputError(f"budget is {value!r}, but must be a positive number of seconds", "for example budget=300")
    return float(value)


def _key(name: str) -> str:
    return name.replace("_", ".", 1)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _end(shown: Any) -> None:
    if hasattr(shown, "end"):
        shown.end()
