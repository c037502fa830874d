"""What a call of a Python function costs beside the function's own numpy: `scripts/python cost`.

The zoo's mixture, 256 rows a call, through the door that explorations use; the arrays of who asks, in and out, are part of what is timed. The bar is
that Kiln adds at most 20 % to the time of the function.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import mixture  # noqa: E402

import kiln  # noqa: E402

ROWS, CALLS, REPEATS = 256, 400, 9


def alone(rows):
    for part in rows:
        mixture(part)


def main():
    rows = 4 * np.random.default_rng(1).standard_normal((CALLS, ROWS, 10))
    inside = 0.0

    def timed(x):
        nonlocal inside
        begun = time.perf_counter()
        answer = mixture(x)
        inside += time.perf_counter() - begun
        return answer

    target = kiln.Energy(timed, 10).target()
    ratios, direct = [], []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        alone(rows)
        direct.append((time.perf_counter() - begun) / (CALLS * ROWS))
        inside = 0.0
        begun = time.perf_counter()
        for part in rows:
            target(part)
        ratios.append((time.perf_counter() - begun) / inside - 1.0)
    print(f"numpy alone {1e9 * np.median(direct):.0f} ns a row")
    print(f"Kiln adds {100 * np.median(ratios):.1f} % (from {100 * min(ratios):.1f} to {100 * max(ratios):.1f} % of {REPEATS} runs)")

    inside = 0.0
    begun = time.perf_counter()
    pool = kiln.explore(timed, 10, evaluations=1e6, progress=False)
    whole = time.perf_counter() - begun
    print(f"an exploration of {pool.evaluations} evaluations: {whole:.2f} s, {inside:.2f} s of them in the function")


if __name__ == "__main__":
    main()
