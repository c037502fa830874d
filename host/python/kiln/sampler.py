"""Trained generators, and the temporary directories that their runs may lie in."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from typing import Any

import numpy as np

from . import _kiln
from ._fork import enter
from .checked import count, rows
from .energy import Energy, as_target
from .errors import InputError
from .pool import Pool, inference_data
from .progress import watcher
from .report import Report, Verdict


class Directory:
    """A temporary directory, which goes when nobody holds it any more."""

    known: weakref.WeakValueDictionary[str, Directory] = weakref.WeakValueDictionary()

    def __init__(self) -> None:
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="kiln-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        self.known[self.path] = self

    @classmethod
    def of(cls, run: str | None) -> Directory | None:
        """The one that a run lies in."""
        return cls.known.get(os.path.dirname(os.path.realpath(run))) if run else None


class Sampler:
    """A trained generator: every sample is one pass of a small network, and none costs an evaluation of the energy."""

    def __init__(self, inner: _kiln.Sampler, target: _kiln.Target | None = None, energy: Energy | None = None):
        self._inner = inner
        self._target = target
        self._energy = energy
        # A temporary directory is there as long as a sampler of a run in it is.
        self._directory = Directory.of(self.path)

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
        n, seed, first = (count(value, name) for value, name in ((n, "n"), (seed, "seed"), (first, "first")))
        count(first + n, "first + n")
        # Raises MemoryError where there is no room for them.
        np.empty((n, self.dim), dtype=np.float32)
        if steps is None:
            return self._inner.sample(n, seed, first)
        return self._inner.sample_in_steps(n, seed, first, count(steps, "steps"))

    def evaluate(self, reference: Pool | np.ndarray | None = None, *, energy: Any = None, seed: int = 0, progress: Any = None) -> Report:
        """Judges its samples: against a reference, or what it was explored with."""
        enter()
        target = self._known(energy, "evaluate")
        pool = reference._inner if isinstance(reference, Pool) else None
        given = None if pool else rows(reference, "the reference")
        text, table = self._inner.evaluate(target, given, pool, count(seed, "seed"), watcher(progress))
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
        if count(chains, "chains") < 1 or count(n, "n") % chains:
            raise InputError(f"{n} draws do not make {chains} equal chains", "give a multiple, for example n=4000, chains=4")
        draws = self.sample(n, seed).reshape(chains, -1, self.dim)
        pool = self.pool
        names = pool.names if pool else [f"x{at}" for at in range(self.dim)]
        return inference_data(draws, None, names, self._energy, {"target": self._inner.target, "seed": seed})

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
