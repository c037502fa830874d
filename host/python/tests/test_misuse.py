"""What a person reads who asks for what cannot be. `KILN_BLESS=1` writes `misuses.txt` anew."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import wells

import kiln

MISUSES = Path(__file__).parent / "misuses.txt"


def bowl(x):
    return 0.5 * (x**2).sum(1), x


def again(x, state=[0]):
    state[0] += 1
    return bowl(x)[0] + state[0], x


def explore(energy, *arguments, **settings):
    return lambda: kiln.explore(energy, *arguments, **{"evaluations": 3e4, "progress": False, **settings})


def train(**settings):
    return lambda: kiln.train(bowl, 2, **{"evaluations": 3e4, "progress": False, **settings})


CASES = {
    "a name that there is not": explore("mog41"),
    "a file that there is not": explore("mine.toml"),
    "no dimension": explore(bowl),
    "a dimension of zero": explore(bowl, 0),
    "a dimension that is no whole number": explore(bowl, 2.5),
    "an array instead of a function": explore(np.zeros(3), 2),
    "a dimension of what has one": explore("mog40", 2),
    "E alone": explore(lambda x: bowl(x)[0], 2),
    "E as a column": explore(lambda x: (bowl(x)[0][:, None], x), 2),
    "a gradient of one row": explore(lambda x: (bowl(x)[0], x[0]), 2),
    "lists": explore(lambda x: (list(bowl(x)[0]), x), 2),
    "objects": explore(lambda x: (bowl(x)[0].astype(object), x), 2),
    "single precision": explore(lambda x: (bowl(x)[0].astype(np.float32), x), 2),
    "a gradient of the wrong sign": explore(lambda x: (bowl(x)[0], -x), 2),
    "an energy that changes": explore(again, 2),
    "no number anywhere": explore(lambda x: (np.full(len(x), np.nan), x), 2),
    "no end": explore(lambda x: (-bowl(x)[0], -x), 2),
    "differences of another name": explore(bowl, 2, gradient="numeric"),
    "differences of a pair": explore(bowl, 2, gradient="finite-differences"),
    "bounds the wrong way round": explore(bowl, 2, bounds=[(1, 0), (None, None)]),
    "bounds of one coordinate": explore(bowl, 2, bounds=[(0, 1)]),
    "bounds of a name that there is not": explore(bowl, 2, names=["a", "b"], bounds={"c": (0, 1)}),
    "names of one coordinate": explore(bowl, 2, names=["a"]),
    "particles that do not fit": explore(bowl, 2, symmetry=kiln.Particles(3, 2)),
    "starts of another dimension": explore(bowl, 2, start=np.zeros((5, 3))),
    "no starts": explore(bowl, 2, start=np.zeros((0, 2))),
    "too few evaluations": explore(bowl, 2, evaluations=100),
    "evaluations in words": explore(bowl, 2, evaluations="many"),
    "a seed below zero": explore(bowl, 2, seed=-1),
    "progress in words": explore(bowl, 2, progress="bar"),
    "a setting that there is not": train(train_step=5),
    "a setting out of range": train(train_batch=-1),
    "a preset that there is not": train(preset="fast"),
    "a budget below zero": train(budget=-5.0),
    "a seed given twice": train(run_seed=3),
    "evaluations beside a pool": train(pool=object()),
    "names twice": explore(bowl, 2, names=["a", "a"]),
    "one word as names": explore(bowl, 2, names="ab"),
    "more samples than there are numbers": lambda: kiln.load("mog40").sample(10, first=2**64 - 2),
    "chains that do not fit": lambda: kiln.load("mog40").to_arviz(10, chains=4),
    "a budget in words": explore(bowl, 2, budget="5m"),
    "a directory in use for a pool": explore(bowl, 2, out=Path(__file__).parent),
    "an array as pool": train(pool=np.zeros((5, 2)), evaluations=None),
    "a directory in use": train(out=Path(__file__).parent),
    "a run that there is not": train(resume="nowhere", evaluations=None),
    "a seed beside resume": train(resume="nowhere", seed=3, evaluations=None),
    "a sampler that there is not": lambda: kiln.load("nowhere"),
    "samples below zero": lambda: kiln.load("mog40").sample(-1),
    "samples in fractions": lambda: kiln.load("mog40").sample(10.5),
    "a reference of another dimension": lambda: kiln.load("mog40").evaluate(np.zeros((5, 3))),
    "a format that there is not": lambda: kiln.load("mog40").export("m.kiln", "float"),
    "a model's name without its end": lambda: kiln.load("mog40").export("m.bin", "f32"),
    "steps of what has no denoiser": lambda: kiln.load("mog40").sample(5, steps=10),
}


def test_every_misuse_is_a_typed_error_with_a_sentence_and_a_hint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = []
    for name, misuse in CASES.items():
        with pytest.raises(kiln.Error) as error:
            misuse()
        message, hint = error.value.message, error.value.hint
        assert message and hint and "\n" not in message, name
        told.append(f"{name}\n  {type(error.value).__name__}: {message}\n  hint: {hint}\n".replace(str(Path(__file__).parent), "TESTS"))
    text = "\n".join(told)
    if os.environ.get("KILN_BLESS"):
        MISUSES.write_text(text)
    assert text == MISUSES.read_text()
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_a_pool_of_another_energy_is_refused():
    pool = kiln.explore(wells, 2, evaluations=5e4, progress=False)
    with pytest.raises(kiln.InputError, match="another energy"):
        kiln.train(bowl, 2, pool=pool, progress=False)
    with pytest.raises(kiln.InputError, match="another energy"):
        kiln.load("mog40").evaluate(pool, progress=False)


def test_more_samples_than_memory_are_an_error_of_python():
    with pytest.raises(MemoryError):
        kiln.load("mog40").sample(10**14)


def test_a_forked_process_is_told_so():
    kiln.load("mog40").sample(10)
    child = os.fork()
    if child == 0:
        try:
            kiln.load("mog40")
        except kiln.InputError as error:
            os._exit(7 if "forked" in error.message else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
