"""Small matrices that are far from normal, and normal ones, for the tests of non-normality."""

import numpy as np
import torch

from cordsnet.analysis.operators import MatrixOperator


def jordan(n=20, eigenvalue=-0.5):
    """One Jordan block: grows with a high power of t before it decays."""
    return eigenvalue * np.eye(n) + np.diag(np.ones(n - 1), 1)


def grcar(n=60):
    """Grcar's matrix, moved into the left half plane."""
    matrix = np.eye(n) - np.diag(np.ones(n - 1), -1)
    for k in (1, 2, 3):
        matrix += np.diag(np.ones(n - k), k)
    return matrix - 2.6 * np.eye(n)


def random_and_rank_one(n=120, seed=0):
    """A random network with one strong feedforward direction, stable."""
    draw = np.random.default_rng(seed)
    one, other = draw.normal(size=(2, n))
    other -= one * (one @ other) / (one @ one)
    return -np.eye(n) + 0.5 * draw.normal(size=(n, n)) / np.sqrt(n) + 8 * np.outer(one, other) / n


def normal(n=50, seed=0):
    """A normal matrix with complex eigenvalues, stable."""
    draw = np.random.default_rng(seed)
    basis = np.linalg.qr(draw.normal(size=(n, n)))[0]
    blocks = np.zeros((n, n))
    for k in range(0, n, 2):
        real, imaginary = -0.1 - draw.random(), draw.normal()
        blocks[k : k + 2, k : k + 2] = [[real, imaginary], [-imaginary, real]]
    return basis @ blocks @ basis.T


EXAMPLES = {"jordan": jordan(), "grcar": grcar(), "random and rank one": random_and_rank_one(), "normal": normal()}


def operator(matrix, dtype=torch.float64):
    return MatrixOperator(torch.as_tensor(matrix, dtype=dtype))
