"""A tour, from energies to results, in a minute or two: `python gallery.py [DIRECTORY]` writes models and pictures there.

Needs matplotlib for the pictures; JAX, PyMC and ArviZ are shown where they are installed.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import kiln

out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="kiln-gallery-"))
out.mkdir(parents=True, exist_ok=True)


def picture(name, *sets):
    figure, axes = plt.subplots(1, len(sets), figsize=(4 * len(sets), 4), squeeze=False)
    for axis, (title, x) in zip(axes[0], sets):
        axis.plot(x[:, 0], x[:, 1], ".", markersize=1)
        axis.set_title(title)
    figure.savefig(out / f"{name}.png", dpi=120)
    plt.close(figure)


# 1. A function of many points: three rings. Explored, trained, judged, drawn from, exported.
def rings(x):
    radius = np.hypot(x[:, 0], x[:, 1]) + 1e-12
    centres = np.array([1.0, 3.0, 5.0])
    logs = -((radius[:, None] - centres) ** 2) / (2 * 0.2**2)
    top = logs.max(1, keepdims=True)
    weights = np.exp(logs - top)
    slope = (weights * (radius[:, None] - centres)).sum(1) / weights.sum(1) / 0.2**2
    return -top[:, 0] - np.log(weights.sum(1)), slope[:, None] * x / radius[:, None]


pool = kiln.explore(rings, 2, evaluations=1e6)
print(pool.summary())
sampler = kiln.train(rings, 2, pool=pool)
print(sampler, sampler.verdict)
print(sampler.evaluate())
picture("rings", ("explored", pool.draws.reshape(-1, 2)), ("drawn in one step", sampler.sample(10_000)))
print(sampler.export(out / "rings.kiln", "i16w16a"), "bytes for a microcontroller")

# 2. What comes with Kiln: a molecule-like target, drawn at once.
lj13 = kiln.load("lj13")
x = lj13.sample(5000).astype(float)
print("LJ-13: mean energy of 5,000 draws", kiln.target("lj13")(x)[0].mean())

# 3. A formula.
formula = out / "banana.toml"
formula.write_text('name = "banana"\ndimension = 2\nenergy = "x[0]^2/2 + 5*(x[1] - x[0]^2)^2"\n')
banana = kiln.explore(formula, evaluations=5e5)
picture("banana", ("a formula, explored", banana.draws.reshape(-1, 2)))

# 4. An energy without a gradient, between walls.
half = kiln.explore(lambda x: x[:, 0] + x[:, 1] ** 2, 2, gradient="finite-differences", bounds=[(0, None), (None, None)], evaluations=2e5)
print(half.summary())

# 5. JAX: one point, no gradient, no batch.
try:
    import jax.numpy as jnp
except ImportError:
    print("JAX is not installed")
else:
    jax = kiln.explore(kiln.from_jax(lambda x: jnp.sum(x**4) - 2 * jnp.sum(x**2), 3), evaluations=1e6)
    print(jax)

# 6. PyMC and ArviZ: from a model to a summary.
try:
    import arviz
    import pymc as pm
except ImportError:
    print("PyMC is not installed")
else:
    with pm.Model():
        rate = pm.HalfNormal("rate", 1.0)
        pm.Exponential("waits", rate, observed=[1.2, 0.4, 2.2])
        data = kiln.explore(kiln.from_pymc(), evaluations=2e5).to_arviz()
    print(arviz.summary(data))

print("pictures and models are in", out)
