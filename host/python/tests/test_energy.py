"""Energies as the library calls them: how many rows, what happens when they fail, and what else can be said of them."""

import _thread
import time
import traceback

import numpy as np
import pytest
from conftest import MODES, ZOO, Counting, mixture, wells

import kiln


def test_rows_of_many_chains_come_in_one_call_and_every_one_is_counted():
    energy = Counting(wells)
    pool = kiln.explore(energy, 2, evaluations=3e5, progress=False)
    assert energy.rows == pool.evaluations <= 3e5
    # 32 ladders move at such a budget; the probe looks at points one by one.
    assert energy.rows > 20 * energy.calls and energy.largest <= kiln.energy.ROWS
    assert pool.converged and pool.draws.dtype == np.float32
    left = (pool.draws[..., 0] < 0).mean()
    assert abs(left - 0.3) < 4 * np.sqrt(0.21 / pool.summary()[0]["ESS"])


def test_one_seed_is_one_result_and_rows_of_a_call_do_not_matter():
    draws = [kiln.explore(wells, 2, evaluations=5e4, seed=seed, rows=rows, progress=False) for seed, rows in [(1, 256), (1, 5), (2, 256)]]
    first, same, other = (pool.draws for pool in draws)
    assert (first == same).all() and not np.array_equal(first, other)


def test_the_zoos_mixture_is_the_same_as_a_formula_and_from_numpy():
    formula = kiln.target(ZOO / "mixture.toml")
    x = 4 * np.random.default_rng(1).standard_normal((1000, 10))
    ours, theirs = kiln.Energy(mixture, 10).target()(x), formula(x)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    # The constant is the formula's: only then is what one found of use to the other.
    # Chains begin in the modes: whether they are found is another question than whether both doors lead to the same.
    asked = {"evaluations": 1e6, "start": MODES[:, 2:], "progress": False}
    pools = [kiln.explore(mixture, 10, **asked), kiln.explore(ZOO / "mixture.toml", seed=1, **asked)]
    (ours, error), (theirs, other) = (pool.log_z for pool in pools)
    assert abs(ours - theirs) < 4 * np.hypot(error, other)
    # Of every coordinate and the energy, the distance of Kolmogorov and Smirnov: one in 10,000 is above 2.2 / √n each.
    for column in range(11):
        a, b = (np.sort(pool.draws[..., column].ravel() if column < 10 else pool.energies.ravel()) for pool in pools)
        both = np.concatenate([a, b])
        distance = np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max()
        effective = [pool.summary()[column]["ESS"] for pool in pools]
        assert distance < 2.2 * np.sqrt(1 / effective[0] + 1 / effective[1])


def test_a_function_is_called_by_one_thread_at_a_time():
    inside = []

    def energy(x):
        inside.append(1)
        # Others run meanwhile.
        time.sleep(0.002)
        assert len(inside) == 1
        inside.pop()
        return wells(x)

    # 100 calls' worth of rows, in parallel where it is allowed.
    pool = kiln.explore(wells, 2, evaluations=2e5, progress=False)
    kiln.load("mog40").evaluate(energy=energy, reference=pool, progress=False)


class Broken(RuntimeError):
    """Of a user's own."""


def fails(message="the simulator is gone"):
    def raises():
        raise Broken(message)

    return raises


@pytest.mark.parametrize("at", [1, 700, 30_000])
def test_an_exception_of_the_energy_is_the_one_that_is_seen(at):
    energy = Counting(wells)
    energy.at = (at, fails())
    with pytest.raises(Broken, match="the simulator is gone") as seen:
        kiln.explore(energy, 2, evaluations=1e5, progress=False)
    assert "raises" in [frame.name for frame in traceback.extract_tb(seen.tb)], "it says where in the user's code"
    assert energy.rows < at + 256, "it is not called again"
    # It may be used again.
    assert kiln.explore(energy, 2, evaluations=1e5, progress=False).evaluations > 0


def test_control_c_ends_an_exploration():
    energy = Counting(wells)
    energy.at = (20_000, _thread.interrupt_main)
    with pytest.raises(KeyboardInterrupt):
        kiln.explore(energy, 2, evaluations=1e9, progress=False)


def test_bounds_names_and_starts_reach_the_exploration():
    seen = []

    def energy(x):
        seen.append(x[:, 0].min())
        return 0.5 * x[:, 1] ** 2 + x[:, 0], np.stack([np.ones(len(x)), x[:, 1]], axis=1)

    pool = kiln.explore(energy, 2, names=["rate", "shift"], bounds={"rate": (0, None)}, evaluations=1e5, progress=False)
    assert min(seen) >= 0 and pool.names == ["rate", "shift"]
    by_name = {row[""]: row for row in pool.summary()}
    # An exponential of mean 1.
    assert abs(by_name["rate"]["mean"] - 1) < 0.2 and pool.draws[..., 0].min() >= 0
    start = np.full((8, 2), 5.0)
    firsts = []

    def watched(x):
        firsts.append(x.copy())
        return wells(x)

    kiln.explore(watched, 2, start=start, evaluations=5e4, progress=False)
    # After 32 points that tell this energy from others.
    assert len(firsts[0]) == 32 and (firsts[1] == 5.0).all()


def test_particles_keep_their_mean():
    def springs(x):
        r = x.reshape(len(x), 3, 2)
        away = r[:, :, None] - r[:, None]
        energy = 0.25 * (away**2).sum((1, 2, 3))
        return energy, away.sum(2).reshape(len(x), 6)

    pool = kiln.explore(springs, 6, symmetry=kiln.Particles(3, 2), evaluations=5e4, progress=False)
    mean = pool.draws.reshape(-1, 3, 2).mean(1)
    assert np.abs(mean).max() < 1e-5


def test_differences_stand_for_a_gradient_where_they_are_asked_for():
    alone = Counting(lambda x: wells(x)[0])
    x = np.random.default_rng(2).standard_normal((50, 2))
    ours = kiln.Energy(alone, 2, gradient="finite-differences")(x)
    np.testing.assert_allclose(ours[0], wells(x)[0], rtol=1e-12)
    np.testing.assert_allclose(ours[1], wells(x)[1], rtol=1e-7, atol=1e-8)
    assert alone.rows == 50 * 5, "2 d + 1 rows an evaluation"
    pool = kiln.explore(alone, 2, gradient="finite-differences", evaluations=1e5, progress=False)
    assert pool.converged


def test_differences_keep_within_walls_and_calls_within_their_rows():
    # A gamma distribution of shape 0.05: half of its mass lies below 1e-6. log Z = log Γ(0.05).
    largest = []

    def energy(x):
        largest.append(len(x))
        assert (x >= 0).all()
        with np.errstate(divide="ignore"):
            return x[:, 0] + 0.95 * np.log(x[:, 0])

    pool = kiln.explore(energy, 1, bounds=[(0, None)], gradient="finite-differences", evaluations=1e5, progress=False)
    value, error = pool.log_z
    assert abs(value - 2.9690) < max(5 * error, 0.05) and max(largest) <= kiln.energy.ROWS
    assert abs((pool.draws < 1e-6).mean() - 0.515) < 0.06


def test_strided_arrays_are_taken():
    def energy(x):
        value, gradient = wells(x)
        return np.repeat(value, 2)[::2], np.asfortranarray(gradient)

    pools = [kiln.explore(function, 2, evaluations=5e4, progress=False) for function in (energy, wells)]
    assert (pools[0].draws == pools[1].draws).all()


def test_progress_is_told_to_a_function():
    told = []
    kiln.explore(wells, 2, evaluations=2e5, progress=lambda *news: told.append(news))
    names, done, total, _ = zip(*told)
    assert "wells" in names and max(done) <= max(total)


def test_an_exception_of_the_progress_ends_the_work():
    with pytest.raises(Broken, match="watching"):
        kiln.explore(wells, 2, evaluations=1e9, progress=lambda *_: fails("watching")())
