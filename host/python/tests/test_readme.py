"""README's one energy in four languages is one energy."""

import re
import subprocess
from pathlib import Path

import numpy as np

import kiln

ROOT = Path(__file__).parents[3]


def blocks():
    page = (ROOT / "README.md").read_text().split("### One energy, four languages")[1].split("\n## ")[0]
    return {language: text for language, text in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)}


def test_the_same_energy_in_four_languages(tmp_path):
    page = blocks()
    assert set(page) == {"toml", "python", "c", "rust"}
    assert all(len(text.splitlines()) <= 10 for text in page.values())
    (tmp_path / "wells.toml").write_text(page["toml"])
    (tmp_path / "wells.c").write_text(page["c"])
    library = tmp_path / "libwells.so"
    command = ["cc", "-O3", "-shared", "-fPIC", "-Wall", "-Werror", tmp_path / "wells.c", "-I", ROOT / "host/foreign/include", "-o", library]
    subprocess.run(command, check=True)
    # Without the training.
    source = page["python"].split("sampler =")[0]
    names = {}
    exec(source, names)
    x = 2 * np.random.default_rng(1).standard_normal((200, 2))
    expected = names["wells"](x)
    for target in (kiln.target(tmp_path / "wells.toml"), kiln.target(library)):
        for ours, theirs in zip(target(x), expected):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert page["rust"] in (ROOT / "host/kiln/examples/wells.rs").read_text()
