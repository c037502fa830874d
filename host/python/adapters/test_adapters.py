"""The adapters with the real libraries: JAX, PyTorch, PyMC, ArviZ. `scripts/python adapters` installs them; the gate does without."""

import sys
import warnings
from pathlib import Path

import arviz
import numpy as np
import pymc as pm
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conftest import MODES, ZOO, mixture, wells  # noqa: E402

import kiln  # noqa: E402

#: Rubin's eight schools (1981).
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def test_a_jax_function_of_one_point_gets_its_gradient_and_its_batch():
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    def jax_mixture(x):
        z = ((x - MODES[:, 2:]) ** 2).sum(1) / MODES[:, 1] ** 2
        return -logsumexp(jnp.log(MODES[:, 0]) - 10 * jnp.log(MODES[:, 1]) - z / 2)

    energy = kiln.from_jax(jax_mixture, 10)
    x = 4 * np.random.default_rng(1).standard_normal((1000, 10))
    for rows in (x, x[:7]):
        for ours, theirs in zip(energy(rows), mixture(rows)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    assert energy.name == "jax_mixture" and kiln.explore(energy, evaluations=1e6, progress=False).converged


def test_a_torch_function_gets_its_gradient():
    import torch

    def torch_wells(x):
        logs = torch.stack([np.log(0.3) - 2 * (x[:, 0] + 3) ** 2, np.log(0.7) - 2 * (x[:, 0] - 3) ** 2])
        return -torch.logsumexp(logs, 0) + 0.5 * x[:, 1] ** 2

    energy = kiln.from_torch(torch_wells, 2)
    x = np.random.default_rng(1).standard_normal((100, 2))
    for ours, theirs in zip(energy(x), wells(x)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    pool = kiln.explore(energy, evaluations=1e5, progress=False)
    assert pool.evaluations <= 1e5


@pytest.fixture(scope="module")
def schools():
    with pm.Model(name="") as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        theta = pm.Normal("theta", mu, tau, shape=8)
        pm.Normal("effect", theta, ERRORS, observed=EFFECTS)
    return model


def test_a_pymc_model_is_the_zoos_formula_but_for_a_constant(schools):
    energy = kiln.from_pymc(schools)
    assert energy.names == ["mu", "tau_log__"] + [f"theta[{at}]" for at in range(8)]
    x = np.random.default_rng(1).standard_normal((500, 10))
    ours, formula = energy(x), kiln.target(ZOO / "schools.toml")(x)
    difference = ours[0] - formula[0]
    np.testing.assert_allclose(difference, difference[0], atol=1e-8)
    np.testing.assert_allclose(ours[1], formula[1], rtol=1e-8, atol=1e-8)


def test_eight_schools_from_a_model_to_a_summary(schools):
    truth = np.load(ZOO / "schools.npy").astype(float)
    with schools:
        pool = kiln.explore(kiln.from_pymc(), evaluations=2e6, progress=False)
        with warnings.catch_warnings():
            # What the verdict says of the neck is another test's.
            warnings.simplefilter("ignore", kiln.NotConverged)
            sampler = kiln.train(kiln.from_pymc(), pool=pool, progress=False)
    for data in (pool.to_arviz(), sampler.to_arviz(20_000)):
        summary = arviz.summary(data, round_to="none") if "round_to" in arviz.summary.__code__.co_varnames else arviz.summary(data)
        for name, column in [("mu", truth[:, 0]), *((f"theta[{at}]", truth[:, 2 + at]) for at in range(8))]:
            mean = float(summary.loc[name, "mean"])
            assert abs(mean - column.mean()) < 0.1 * column.std(), name
    posterior = pool.to_arviz()["posterior"]
    assert dict(posterior.sizes)["chain"] == pool.energies.shape[0] and (posterior["tau"].values > 0).all()
    assert posterior.attrs["evaluations"] == pool.evaluations
    np.testing.assert_allclose(pool.to_arviz()["sample_stats"]["lp"].values, -pool.energies)
