"""Energies of other libraries: gradients and batches are made for the user."""

from __future__ import annotations

from typing import Any

import numpy as np

from .energy import Energy


def from_jax(function: Any, dim: int, **known: Any) -> Energy:
    """A JAX function of one point x (d,) that gives its energy, a scalar: `vmap` and `value_and_grad` are applied here, in 64 bits.

    What else is known of it are the keywords of `Energy`.
    """
    import jax

    many = jax.jit(jax.vmap(jax.value_and_grad(function)))

    def energy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # One shape for all calls: another one would be compiled anew.
        rows = max(known.get("rows", 256), len(x))
        padded = np.concatenate([x, np.broadcast_to(x[-1:], (rows - len(x), x.shape[1]))]) if len(x) < rows else x
        with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
            value, gradient = many(padded)
        return np.asarray(value, dtype=np.float64)[: len(x)], np.asarray(gradient, dtype=np.float64)[: len(x)]

    return Energy(energy, dim, **{"name": _name(function), **known})


def from_torch(function: Any, dim: int, **known: Any) -> Energy:
    """A PyTorch function of x (n, d), a float64 tensor, that gives E (n,): autograd makes the gradient.

    What else is known of it are the keywords of `Energy`.
    """
    import torch

    def energy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        point = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = function(point)
        (gradient,) = torch.autograd.grad(value.sum(), point)
        return value.detach().to(torch.float64).cpu().numpy(), gradient.cpu().numpy()

    return Energy(energy, dim, **{"name": _name(function), **known})


def from_pymc(model: Any = None, **known: Any) -> Energy:
    """A PyMC model: E is minus its log density in unconstrained coordinates, Jacobians included. The coordinates keep the names of
    its variables, and `to_arviz` gives the variables themselves, transformed back.

    What else is known of it are the keywords of `Energy`.
    """
    import pymc
    import pytensor
    import pytensor.tensor as pt
    from pytensor.graph.replace import clone_replace, vectorize_graph

    model = pymc.modelcontext(model)
    start = model.initial_point()
    values = model.value_vars
    shapes = [np.shape(start[value.name]) for value in values]
    sizes = [int(np.prod(shape)) for shape in shapes]
    flat = pt.vector("x", dtype="float64")
    ends = np.cumsum([0] + sizes)
    parts = {
        value: flat[ends[at] : ends[at + 1]].reshape(shapes[at]).astype(value.dtype) for at, value in enumerate(values)
    }
    (log_density,) = clone_replace([model.logp()], replace=parts)
    outputs = [-log_density, -pt.grad(log_density, flat)]
    rows = pt.matrix("rows", dtype="float64")
    many = pytensor.function([rows], vectorize_graph(outputs, {flat: rows}))
    # Of a variable that is transformed, the variable itself; deterministic ones too.
    hidden = {model.rvs_to_values[rv] for rv in model.free_RVs if model.rvs_to_transforms[rv] is not None}
    shown = [variable for variable in model.unobserved_value_vars if variable not in hidden]
    constrained = pytensor.function([rows], vectorize_graph(clone_replace(shown, replace=parts), {flat: rows}))

    def energy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = many(x)
        return np.asarray(value, dtype=np.float64), np.asarray(gradient, dtype=np.float64)

    def variables(x: np.ndarray) -> dict[str, np.ndarray]:
        return {variable.name: np.asarray(value) for variable, value in zip(shown, constrained(x))}

    names = []
    for value, shape in zip(values, shapes):
        indices = np.ndindex(*shape) if shape else [()]
        names += [value.name + (f"[{','.join(map(str, index))}]" if index else "") for index in indices]
    name = model.name or "model"
    return Energy(energy, int(ends[-1]), **{"name": name, "names": names, "variables": variables, **known})


def _name(function: Any) -> str | None:
    name = getattr(function, "__name__", None)
    return name if name and name.isidentifier() else None
