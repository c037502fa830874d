"""What is written in Rust: used by the package alone."""

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

class Target:
    name: str
    dim: int
    names: list[str]
    summary: str
    convention: str
    def __call__(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

class Pool:
    draws: NDArray[np.float32]
    energies: NDArray[np.float64]
    effective: float
    r_hat: float
    json: str
    @staticmethod
    def open(path: str | PathLike[str]) -> Pool: ...
    def save(self, path: str | PathLike[str]) -> None: ...

class Sampler:
    dim: int
    target: str
    energy: PathLike[str] | None
    path: PathLike[str] | None
    verdict_json: str | None
    explored: Pool | None
    def sample(self, n: int, seed: int, first: int) -> NDArray[np.float32]: ...
    def sample_in_steps(self, n: int, seed: int, first: int, steps: int) -> NDArray[np.float32]: ...
    def evaluate(
        self, target: Target, reference: NDArray[np.float64] | None, pool: Pool | None, seed: int, progress: Any
    ) -> tuple[str, str]: ...
    def export(self, path: str | PathLike[str], format_name: str, target: Target | None, force: bool) -> int: ...

def explore(target: Target, evaluations: int, seconds: float | None, seed: int, start: Any, progress: Any) -> Pool: ...
def train(target: Target, asked: dict[str, Any], progress: Any) -> Sampler: ...
def load(place: str | PathLike[str]) -> Sampler: ...
def of_function(function: Any, known: dict[str, Any]) -> Target: ...
def of_word(word: str) -> Target: ...
def targets() -> list[Target]: ...
