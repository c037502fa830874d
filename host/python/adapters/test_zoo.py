"""The zoo's mixture, as its user would write it with numpy, meets the zoo's bar: three seeds, minutes."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import MODES, ZOO, mixture  # noqa: E402

import kiln  # noqa: E402

#: How far above its floor a distance may be, and how far off a mode's share.
BAR, SHARE = 0.03, 0.03


def distance(a, b):
    """Of Kolmogorov and Smirnov."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    return np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sampler_of_a_python_function_meets_the_zoos_bar(seed):
    truth = np.load(ZOO / "mixture.npy").astype(float)
    sampler = kiln.train(mixture, 10, seed=seed, progress=False)
    draws = sampler.sample(20_000).astype(float)
    axis = np.linalg.eigh(np.cov(truth.T))[1][:, -1]
    columns = [(draws @ axis, truth @ axis), *((draws[:, at], truth[:, at]) for at in range(10))]
    half = len(truth) // 2
    above = [max(distance(*pair) for pair in columns) - max(distance(theirs[:half], theirs[half:]) for _, theirs in columns)]
    ours, theirs = mixture(draws)[0], mixture(truth)[0]
    above.append(distance(ours, theirs) - distance(theirs[:half], theirs[half:]))
    log_parts = np.log(MODES[:, 0]) - 10 * np.log(MODES[:, 1]) - ((draws[:, None] - MODES[:, 2:]) ** 2).sum(2) / (2 * MODES[:, 1] ** 2)
    shares = np.bincount(log_parts.argmax(1), minlength=len(MODES)) / len(draws)
    off = np.abs(shares - MODES[:, 0]).max()
    print(f"seed {seed}: {sampler.pool.evaluations} evaluations, above floor {above[0]:.3f} {above[1]:.3f}, shares off by {off:.3f}, {sampler.verdict}")
    assert max(above) <= BAR and off <= SHARE and sampler.verdict
