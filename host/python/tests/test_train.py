"""Trainings from Python, and what is done with their samplers. One training is shared."""

import _thread
import json
import os
import sys
import warnings

import numpy as np
import pytest
from conftest import Counting, wells

import kiln
from test_energy import Broken, fails

#: A training that takes seconds.
SMALL = {"train_steps": 300, "train_warmup": 10, "learn_pretrain": 300, "train_evaluate_every": 100, "train_checkpoint_every": 50}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    energy = Counting(wells)
    place = tmp_path_factory.mktemp("runs") / "wells"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kiln.NotConverged)
        sampler = kiln.train(energy, 2, evaluations=2e5, seed=3, out=place, progress=False, **SMALL)
    return sampler, energy, place


def test_evaluations_of_a_training_are_counted_to_the_unit_and_within_the_budget(trained):
    sampler, energy, place = trained
    last = json.loads((place / "metrics.jsonl").read_text().splitlines()[-1])
    spent = sampler.pool.evaluations + last["energy_evaluations"]
    # What judges is no part of it: 512 live samples at every record, 10,000 draws in the end, and the pool's noise.
    assert spent <= 2e5 < energy.rows


def test_samples_are_keyed_by_seed_and_number(trained):
    sampler, _, place = trained
    x = sampler.sample(100, seed=7)
    assert x.shape == (100, 2) and x.dtype == np.float32
    assert (sampler.sample(40, 7, first=60) == x[60:]).all() and not (sampler.sample(100, 8) == x).any()
    again = kiln.load(place)
    assert (again.sample(100, 7) == x).all() and again.verdict == sampler.verdict
    assert sampler.sample(10, steps=4).shape == (10, 2)
    # Both wells are drawn, about as often as they should be.
    assert abs((sampler.sample(5000)[:, 0] < 0).mean() - 0.3) < 0.1


def test_reports_are_dicts_tables_and_html(trained):
    sampler, _, _ = trained
    report = sampler.evaluate(progress=False)
    assert report.figure("samples with non-finite energy") == 0.0 and json.dumps(report)
    assert "mean energy" in str(report) and "<table>" in report._repr_html_()
    assert report.verdict.outcome in ("holds", "fails", "cannot be told") and report.verdict.reason
    exact = np.random.default_rng(1).standard_normal((4000, 2)) * [0.5, 1.0]
    exact[:, 0] += np.where(np.random.default_rng(2).random(4000) < 0.3, -3, 3)
    assert sampler.evaluate(exact.astype(np.float32), progress=False)["reference"]["n"] == 4000
    # A run of a Python function is judged once the function is given.
    loaded = kiln.load(sampler.path)
    with pytest.raises(kiln.InputError, match="not at hand"):
        loaded.evaluate()
    with pytest.raises(kiln.InputError, match="another energy"):
        loaded.evaluate(energy=lambda x: (wells(x)[0] + 1, wells(x)[1]), progress=False)
    assert loaded.evaluate(energy=wells, progress=False).figure("mean energy") == report.figure("mean energy")


def test_models_are_exported_and_loaded(trained, tmp_path):
    sampler, _, _ = trained
    size = sampler.export(tmp_path / "f.kiln", "f32", quality=False)
    assert size == os.path.getsize(tmp_path / "f.kiln")
    assert (kiln.load(tmp_path / "f.kiln").sample(50, 1) == sampler.sample(50, 1)).all()
    with pytest.raises(kiln.InputError, match="not at hand"):
        kiln.load(tmp_path / "f.kiln").evaluate()
    with pytest.raises(kiln.InputError, match="another energy"):
        sampler.export(tmp_path / "g.kiln", "f32", energy=lambda x: (wells(x)[0] + 1, wells(x)[1]))
    assert not (tmp_path / "g.kiln").exists()
    sampler.export(tmp_path / "i.kiln")
    # Its numbers come from another generator of random bits: only their distribution is the same.
    ours, theirs = (np.sort(each.sample(5000)[:, 0]) for each in (sampler, kiln.load(tmp_path / "i.kiln")))
    assert np.abs(np.searchsorted(ours, theirs) / 5000 - np.arange(5000) / 5000).max() < 2.2 * np.sqrt(2 / 5000)
    sampler.save(tmp_path / "copy")
    assert (kiln.load(tmp_path / "copy").sample(9) == sampler.sample(9)).all()


def test_without_a_directory_the_run_goes_with_its_sampler():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kiln.NotConverged)
        sampler = kiln.train(wells, 2, evaluations=1e5, progress=False, **SMALL)
    place = sampler.path
    assert os.path.isdir(place) and sampler.sample(5).shape == (5, 2)
    # Another sampler of the same run keeps it too.
    other = kiln.load(place)
    del sampler
    assert other.verdict is not None and os.path.isdir(place)
    del other
    assert not os.path.exists(place)


@pytest.mark.parametrize("how", ["control-c", "exception"])
def test_an_interrupted_training_goes_on_to_the_same_generator(trained, tmp_path, how):
    sampler, _, _ = trained
    energy, place = Counting(wells), tmp_path / "run"
    seen = {"steps": 0}

    def stop(name, done, total, quality):
        # The second part of the name wells is the training itself.
        if total == SMALL["train_steps"] and done >= 1 and not seen["steps"]:
            seen["steps"] = done
            if how == "control-c":
                _thread.interrupt_main()
            else:
                raise Broken("enough")

    expected = KeyboardInterrupt if how == "control-c" else Broken
    with pytest.raises(expected) as ended:
        kiln.train(energy, 2, evaluations=2e5, seed=3, out=place, progress=stop, **SMALL)
    assert 1 <= seen["steps"] < SMALL["train_steps"]
    if sys.version_info >= (3, 11):
        assert any(f"resume='{place}'" in note for note in ended.value.__notes__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kiln.NotConverged)
        resumed = kiln.train(energy, resume=place, progress=False)
    assert (resumed.sample(200) == sampler.sample(200)).all()


def test_an_energy_that_fails_in_a_training_leaves_a_run_that_another_energy_may_not_take_up(tmp_path):
    energy, place = Counting(wells), tmp_path / "run"

    def fail_later(name, done, total, quality):
        if total == SMALL["train_steps"] and energy.at is None:
            energy.at = (0, fails())

    with pytest.raises(Broken, match="the simulator is gone"):
        kiln.train(energy, 2, evaluations=1e5, out=place, progress=fail_later, **SMALL)
    with pytest.raises(kiln.InputError, match="another energy"):
        kiln.train(lambda x: (x**2).sum(1), 2, gradient="finite-differences", resume=place, progress=False)


def test_pools_are_kept_and_trained_from(tmp_path):
    pool = kiln.explore(wells, 2, evaluations=1e5, out=tmp_path / "pool", progress=False)
    again = kiln.Pool.open(tmp_path / "pool")
    assert (again.draws == pool.draws).all() and again.facts == pool.facts
    chains, draws = pool.energies.shape
    assert pool.draws.shape == (chains, draws, 2)
    energies = wells(pool.draws.reshape(-1, 2).astype(float))[0].reshape(chains, draws)
    np.testing.assert_allclose(pool.energies, energies, rtol=1e-4, atol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kiln.NotConverged)
        sampler = kiln.train(wells, 2, pool=tmp_path / "pool", progress=False, **SMALL)
    assert sampler.pool.facts["sha256"] == pool.facts["sha256"]


def test_a_function_by_the_name_of_another_energy_is_not_that(tmp_path):
    def mog40(x):
        return wells(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kiln.NotConverged)
        kiln.train(mog40, 2, evaluations=1e5, out=tmp_path / "run", progress=False, **SMALL)
    with pytest.raises(kiln.InputError, match="not at hand"):
        kiln.load(tmp_path / "run").evaluate()


def test_what_comes_with_kiln_is_at_hand():
    names = [target.name for target in kiln.targets()]
    assert "lj13" in names and "mog40" in names
    sampler = kiln.load("mog40")
    assert sampler.sample(1000).shape == (1000, 2) and sampler.path is None
    energy, gradient = kiln.target("mog40")(sampler.sample(10).astype(float))
    assert energy.shape == (10,) and gradient.shape == (10, 2)
