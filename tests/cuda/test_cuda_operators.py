"""Linear operators and what is computed from their products, on a GPU against the CPU."""

import pytest
import torch
from beside_cpu import DEVICE, NEEDS_GPU, alike, calm, moved, normal
from nonnormal_examples import EXAMPLES, operator
from operator_examples import example_operators

from cordsnet.analysis import (
    ConvOperator,
    MatrixOperator,
    Status,
    certify_monostable,
    departure_from_normality,
    eigenvalues,
    gmres,
    jacobian,
    kreiss_bound,
    network_eigenvalues,
    numerical_abscissa,
    partial_svd,
    periodic_singular_values,
    periodic_spectrum,
    pseudospectrum,
    settled_response,
    transient_amplification,
)
from cordsnet.analysis.convolutions.bounds import hermitian_bound, norm_bound, norm_reached, perron_bound
from cordsnet.analysis.krylov import Inverse
from cordsnet.analysis.nonnormal.resolvent import smallest_singular_value
from cordsnet.analysis.operators import Diagonal
from cordsnet.analysis.operators.traced import TracedOperator
from cordsnet.models import build
from oracles import CASCADE, FEEDBACK, NETWORKS, random_images, randomised, tiny_r

pytestmark = NEEDS_GPU


def conv(device, scale=0.3, dtype=torch.float64):
    return ConvOperator(scale * normal(3, 3, 3, 3, seed=2, dtype=dtype).to(device), (5, 6))


@pytest.mark.parametrize("name", example_operators())
def test_products_and_matrices_are_those_of_the_cpu(name):
    here, there = example_operators()[name], example_operators(device=DEVICE)[name]
    x, y = normal(2, *here.domain), normal(2, *here.codomain, seed=1)
    forward, back = there.mv(x.to(DEVICE)), there.rmv(y.to(DEVICE))
    assert forward.device.type == back.device.type == there.to_dense().device.type == DEVICE
    alike(forward, here.mv(x), 1e-12)
    alike(back, here.rmv(y), 1e-12)
    alike(there.to_dense(), here.to_dense(), 1e-12)
    alike((forward.cpu() * y).sum(), (x * back.cpu()).sum(), 1e-12)
    alike(there.to_scipy() @ x[0].flatten().numpy(), here.mv(x[0]).flatten(), 1e-12)
    alike(there.to_scipy().rmatvec(y[0].flatten().numpy()), here.rmv(y[0]).flatten(), 1e-12)
    alike(there.mv(torch.complex(x, x).to(DEVICE)).imag, here.mv(x), 1e-12)


def test_a_device_without_its_number_is_the_one_that_tensors_name():
    traced = TracedOperator(lambda maps: 2 * maps, (4,), (4,), torch.float64, torch.device(DEVICE))
    both = Diagonal(normal(4).to(DEVICE)) @ traced
    alike(both.to_dense(), 2 * torch.diag(normal(4)))


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.skipif(DEVICE == "cpu", reason="needs two devices")
def test_what_lies_elsewhere_is_refused_by_name():
    op = conv(DEVICE)
    with pytest.raises(ValueError, match="vector must be on cuda:0"):
        op.mv(normal(*op.domain))
    with pytest.raises(ValueError, match="b must be on cuda:0"):
        gmres(op, normal(*op.domain))
    with pytest.raises(TypeError, match="share precision and device"):
        op + conv("cpu")


@pytest.mark.parametrize("padding", ["zero", "periodic"])
def test_products_in_single_precision_are_as_exact_as_that(padding):
    kernel, x, y = normal(64, 64, 3, 3) / 24, normal(4, 64, 14, 14, seed=1), normal(4, 64, 14, 14, seed=2)
    before = torch.backends.cudnn.conv.fp32_precision
    here = ConvOperator(kernel, (14, 14), padding)
    there = ConvOperator(kernel.float().to(DEVICE), (14, 14), padding)
    alike(there.mv(x.float().to(DEVICE)), here.mv(x), 2e-6)
    alike(there.rmv(y.float().to(DEVICE)), here.rmv(y), 2e-6)
    assert torch.backends.cudnn.conv.fp32_precision == before


@pytest.mark.parametrize("spec", [NETWORKS[name] for name in ("cascade", "feedback", "per_unit_tau")], ids=str)
@pytest.mark.parametrize("of", ["target", "flow"])
def test_jacobians_are_those_of_the_cpu(spec, of):
    model, image = randomised(spec), random_images(spec, 1)
    rates = {area: normal(1, *shape, seed=k) for k, (area, shape) in enumerate(model.shapes.items())}
    there = {area: value.to(DEVICE) for area, value in rates.items()}
    for area in (None, *model.areas):
        wanted = jacobian(model, rates, image, area, of)
        found = jacobian(moved(model), there, image.to(DEVICE), area, of)
        alike(found.to_dense(), wanted.to_dense())
        alike(found.T.to_dense(), wanted.to_dense().T)


@pytest.mark.parametrize("spec", [CASCADE, FEEDBACK], ids=lambda spec: spec.name)
def test_settled_spectra_and_responses_are_those_of_the_cpu(spec):
    model, image = calm(spec), random_images(spec, 1)
    wanted = network_eigenvalues(model, image, k=3, tol=1e-8, vectors="both")
    found = network_eigenvalues(moved(model), image.to(DEVICE), k=3, tol=1e-8, vectors="both")
    alike(found.values.real, wanted.values.real, 1e-5)
    for part in wanted.parts:
        assert found.parts[part].left_vectors.device.type == DEVICE
        alike(found.parts[part].condition, wanted.parts[part].condition, 1e-3)
    for to in ("logits", model.areas[-1]):
        here = settled_response(model, image, to, tol=1e-10)
        there = settled_response(moved(model), image.to(DEVICE), to, tol=1e-10)
        x, y = normal(2, *here.domain), normal(2, *here.codomain)
        alike(there.mv(x.to(DEVICE)), here.mv(x), 1e-6)
        alike(there.rmv(y.to(DEVICE)), here.rmv(y), 1e-6)


def test_a_network_in_single_precision_settles_and_gives_its_spectrum():
    model = build(tiny_r(2), 0)
    image = random_images(model.spec, 1)
    found = network_eigenvalues(moved(model), image.float().to(DEVICE), k=3, tol=1e-5)
    wanted = network_eigenvalues(model.double(), image, k=3, tol=1e-8)
    assert all(pairs.converged for pairs in found.parts.values())
    alike(found.values.real, wanted.values.real, 1e-3)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"which": "LR", "vectors": "both"},
        {"which": "SR", "vectors": "right"},
        {"degree": 4},
        {"block": 2},
        {"sigma": 2.5 + 1.0j},
        {"sigma": 2.5, "vectors": "right"},
        {"method": "arnoldi", "basis": 80, "vectors": "right"},
        {"method": "arpack", "vectors": "both"},
        {"method": "dense", "vectors": "both"},
    ],
    ids=str,
)
def test_eigenvalues_are_those_of_the_cpu(asked):
    wanted, op = eigenvalues(conv("cpu"), 4, tol=1e-9, **asked), conv(DEVICE)
    found = eigenvalues(op, 4, tol=1e-9, **asked)
    assert found.status == wanted.status
    assert found.converged
    alike(found.values, wanted.values, 1e-6)
    if found.vectors is not None:
        assert found.vectors.device.type == DEVICE
        left = op.mv(found.vectors) - found.values.to(DEVICE)[:, None, None, None] * found.vectors
        assert float(left.abs().max()) < 1e-7
    if found.condition is not None:
        alike(found.condition, wanted.condition, 1e-4)


def test_single_precision_reaches_the_residuals_that_it_promises():
    found = eigenvalues(conv(DEVICE, dtype=torch.float32), 4, "LM", tol=1e-5)
    assert found.converged
    alike(found.values, eigenvalues(conv("cpu"), 4, "LM", tol=1e-9).values, 1e-4)
    op, b = conv(DEVICE, dtype=torch.float32).shift(3.0), normal(3, 5, 6, dtype=torch.float32).to(DEVICE)
    solved = gmres(op, b, tol=1e-6)
    assert solved.converged
    assert float((op.mv(solved.value) - b).norm() / b.norm()) < 3e-6


def test_a_product_that_is_not_finite_ends_the_search():
    broken = MatrixOperator(torch.full((30, 30), torch.nan, dtype=torch.float64, device=DEVICE))
    for method in ("krylov_schur", "arpack", "dense"):
        assert eigenvalues(broken, 2, method=method, vectors="right").status[0] is Status.NOT_FINITE
    assert partial_svd(broken, 2).status == (Status.NOT_FINITE,) * 2


def test_singular_triplets_are_those_of_the_cpu():
    for transposed in (False, True):
        here, there = (example_operators(device=device)["zero_strided"] for device in ("cpu", DEVICE))
        op = there.T if transposed else there
        wanted, found = partial_svd(here.T if transposed else here, 3, tol=1e-9), partial_svd(op, 3, tol=1e-9)
        assert found.converged
        alike(found.singular_values, wanted.singular_values)
        sizes = found.singular_values.to(DEVICE)[:, None, None, None]
        assert float((op.mv(found.right) - sizes * found.left).abs().max()) < 1e-7


def test_linear_systems_are_solved_as_on_the_cpu():
    here, there, b = conv("cpu").shift(3.0), conv(DEVICE).shift(3.0), normal(4, 3, 5, 6)
    wanted, found = gmres(here, b, tol=1e-10), gmres(there, b.to(DEVICE), tol=1e-10, basis=10, max_products=300)
    assert found.converged
    assert found.value.device.type == DEVICE
    alike(found.value, wanted.value, 1e-8)
    again = gmres(there, b[0].to(DEVICE), start=found.value[0], tol=1e-9)
    assert again.products <= 1
    singular = gmres(MatrixOperator(torch.diag(torch.tensor([1.0, 0.0]).double()).to(DEVICE)), normal(2).to(DEVICE))
    assert singular.status == (Status.EXHAUSTED,)
    alike(Inverse(there, 1e-10).rmv(b.to(DEVICE)), Inverse(here, 1e-10).rmv(b), 1e-8)


def test_periodic_spectra_are_those_of_the_cpu():
    kernel = normal(3, 3, 3, 3)
    found, wanted = (periodic_spectrum(kernel.to(device), (5, 6)) for device in (DEVICE, "cpu"))
    assert found.values.device.type == found.frequencies.device.type == DEVICE
    alike(found.values.abs(), wanted.values.abs())
    alike(periodic_singular_values(kernel.to(DEVICE), (5, 6)), periodic_singular_values(kernel, (5, 6)))
    index = found.leading(3)[1]
    mode, op = found.mode(index), ConvOperator(kernel.to(DEVICE), (5, 6), "periodic")
    assert float((op.mv(mode) - found.values[index] * mode).abs().max()) < 1e-10


def test_bounds_and_certificates_are_those_of_the_cpu():
    kernel, weights = normal(4, 4, 3, 3), 0.5 + torch.rand(4, dtype=torch.float64)
    for bound in (norm_bound, hermitian_bound, perron_bound):
        for size in ((5, 6), None):
            found = bound(kernel.to(DEVICE), size, weights=weights.to(DEVICE))
            alike(found, bound(kernel, size, weights=weights))
    alike(norm_reached(kernel.to(DEVICE), (5, 6)), norm_reached(kernel, (5, 6)))
    model = calm(CASCADE)
    found, wanted = certify_monostable(moved(model)), certify_monostable(model)
    assert found.certified == wanted.certified
    for one, other in zip(found.areas, wanted.areas, strict=True):
        alike(list(one.bounds.values()), list(other.bounds.values()), 1e-6)
        assert one.weights.device.type == "cpu"


@pytest.mark.parametrize("name", ["grcar", "random and rank one"])
def test_growth_before_decay_is_that_of_the_cpu(name):
    here = operator(EXAMPLES[name])
    there = MatrixOperator(here.matrix.to(DEVICE))
    alike(numerical_abscissa(there).value, numerical_abscissa(here).value, 1e-5)
    assert numerical_abscissa(there).vector.device.type == DEVICE
    alike(departure_from_normality(there).commutator, departure_from_normality(here).commutator)
    points = torch.complex(*torch.meshgrid(normal(3), normal(3, seed=1), indexing="ij"))
    alike(pseudospectrum(there, points, steps=30).sigma, pseudospectrum(here, points, steps=30).sigma, 1e-6)
    alike(pseudospectrum(there, points.to(DEVICE), steps=30).sigma, pseudospectrum(here, points, steps=30).sigma, 1e-6)
    found, wanted = (transient_amplification(op, [0.0, 1.0, 2.0, 4.0]) for op in (there, here))
    alike(found.amplification, wanted.amplification, 1e-4)
    alike(found.final.norm(), found.peak, 1e-4)


def test_the_kreiss_constant_is_that_of_the_cpu():
    here = operator(EXAMPLES["random and rank one"])
    there = MatrixOperator(here.matrix.to(DEVICE))
    alike(smallest_singular_value(there, 0.3 + 0.2j).value, smallest_singular_value(here, 0.3 + 0.2j).value, 1e-3)
    found, wanted = (kreiss_bound(op, steps=30, grid=8, tries=4) for op in (there, here))
    assert found.value > 1
    alike(found.value, wanted.value, 1e-3)
