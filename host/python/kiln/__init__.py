"""Kiln: one-step samplers of Boltzmann distributions, trained from the energy alone.

>>> import kiln, numpy as np
>>> def energy(x):                      # x (n, d): the points of many chains in one call
...     return 0.5 * (x**2).sum(1), x   # E (n,) and its gradient (n, d)
>>> sampler = kiln.train(energy, 2, evaluations=3e5, progress=False)
>>> sampler.sample(1000).shape
(1000, 2)
"""

from ._kiln import Target
from .adapters import from_jax, from_pymc, from_torch
from .calls import explore, load, train
from .energy import Energy, Particles
from .errors import Defect, Error, FileError, InputError, NotConverged, NumericsError, VerdictError
from .pool import Pool
from .report import Report, Verdict
from .sampler import Sampler
from .table import Table


def targets() -> list[Target]:
    """The targets that come with Kiln."""
    from . import _kiln

    return _kiln.targets()


def target(word: str) -> Target:
    """The target of that name, or of a formula file or a shared library: called with x (n, d), it gives E (n,) and its gradient (n, d)."""
    from . import _kiln

    return _kiln.of_word(str(word))


__all__ = [
    "Defect", "Energy", "Error", "FileError", "InputError", "NotConverged", "NumericsError", "Particles", "Pool", "Report", "Sampler",
    "Table", "Target", "Verdict", "VerdictError", "explore", "from_jax", "from_pymc", "from_torch", "load", "target", "targets", "train",
]
