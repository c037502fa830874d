"""Pools: what explorations give, and how it is handed to ArviZ."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _kiln
from .energy import Energy
from .errors import InputError
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
        return inference_data(self.draws, self.energies, self.names, self._energy, self.facts)

    def __repr__(self) -> str:
        ess, r_hat = self._inner.effective, self._inner.r_hat
        state = "converged" if self.converged else "not converged: " + "; ".join(self.facts["reasons"])
        chains, draws = self.energies.shape
        return (
            f"<kiln.Pool of {self.facts['target']}: {chains} chains of {draws} states, effective sample size {ess:.0f}, R-hat {r_hat:.3f}, "
            f"{self.evaluations:.2e} evaluations; {state}>"
        )


def inference_data(draws: np.ndarray, energies: np.ndarray | None, names: list[str], energy: Energy | None, facts: Mapping[str, Any]) -> Any:
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
