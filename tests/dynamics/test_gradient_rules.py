"""Gradient rules on a linear system, where each is a formula of its matrix."""

import pytest
import torch

from cordsnet import DivergedError, Signal, System
from cordsnet.dynamics import GRADIENTS, NONE, Clock, Effects, Gradient, Hold, last_state
from cordsnet.errors import NotConvergedError
from oracles import DELAYS, random_images, randomised

STEPS = 40
UNITS = 5
RULES = [Gradient("rbp"), Gradient("implicit"), Gradient("phantom")]
ANYWHERE = Gradient("implicit", unsettled="accept")
PENALISED = [
    Gradient(),
    Gradient("truncated"),
    Gradient("checkpointed"),
    Gradient("rbp"),
    ANYWHERE,
    Gradient("phantom"),
]

pytestmark = pytest.mark.usefixtures("as_users_run_it")


class Linear(System):
    """h' = A h + x + c (mean of h over trials), of a rate with three units and a cell with two."""

    pathways = ("image -> area",)

    def __init__(self, a, across=0.0):
        self.a, self.across, self.like, self.clock = a, across, a, Clock(1.0, "steps")
        self.outputs = {"eye": ("unit",)}
        self.signals = (Signal("area", (3,)), Signal("area", (2,), "cell"))

    def hold(self, inputs):
        return inputs["image"]

    def advance(self, state, context, effects=NONE):
        h = torch.cat([state.values["area"], state.values["area.cell"]], 1)
        new = h @ self.a.T + context + self.across * h.mean(0)
        return state.after({"area": effects.rate("area", new[:, :3]), "area.cell": new[:, 3:]})

    def read(self, state):
        return {"eye": state.values["area"]}


def matrix(size=0.6, seed=0):
    a = torch.randn(UNITS, UNITS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (a * size / torch.linalg.matrix_norm(a, 2)).requires_grad_()


def upstream(batch=2, size=0.1):
    given = torch.randn(batch, UNITS, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return given * size / given.norm()


def gradients(system, gradient, g, steps=STEPS, **how):
    """Gradients with respect to the matrix and to the input, of the sum of g times the last state."""
    image = torch.randn(len(g), UNITS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    image.requires_grad_()
    ending = last_state(system, [Hold(steps, {"image": image})], system.begin(len(g)), gradient, **how)
    last = torch.cat([ending.state.values["area"], ending.state.values["area.cell"]], 1)
    return torch.autograd.grad((g * last).sum(), (system.a, image)), ending


def powers(m, g, count):
    """g + m g + m m g + ..., `count` terms, for rows g."""
    total, term = torch.zeros_like(g), g
    for _ in range(count):
        total, term = total + term, term @ m.T
    return total


EYE = torch.eye(UNITS, dtype=torch.float64)
FORMULAS = {
    "bptt": (Gradient(), lambda j, g: powers(j, g, STEPS)),
    "checkpointed": (Gradient("checkpointed"), lambda j, g: powers(j, g, STEPS)),
    "truncated": (Gradient("truncated", steps=7), lambda j, g: powers(j, g, 7)),
    "all of it": (Gradient("truncated", steps=STEPS), lambda j, g: powers(j, g, STEPS)),
    "more than all": (Gradient("truncated", steps=99), lambda j, g: powers(j, g, STEPS)),
    "rbp": (Gradient("rbp", terms=6, stop_early=False), lambda j, g: powers(j, g, 7)),
    "no terms": (Gradient("rbp", terms=0), lambda j, g: g),
    "leaky rbp": (Gradient("rbp", leak=0.3, terms=4, stop_early=False), lambda j, g: powers(j - 0.3 * EYE, g, 5)),
    "implicit": (Gradient("implicit", tol=1e-8), lambda j, g: torch.linalg.solve(EYE - j, g.T).T),
    "implicit, restarted": (Gradient("implicit", tol=1e-8, basis=3), lambda j, g: torch.linalg.solve(EYE - j, g.T).T),
    "implicit, solved": (
        Gradient("implicit", tol=1e-10, forward="anderson"),
        lambda j, g: torch.linalg.solve(EYE - j, g.T).T,
    ),
    "phantom": (Gradient("phantom"), lambda j, g: 0.7 * powers(0.3 * EYE + 0.7 * j, g, 5)),
    "phantom, undamped": (Gradient("phantom", damping=1.0, steps=3), lambda j, g: powers(j, g, 3)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradient_of_an_input_is_the_formula_of_the_rule(name):
    """Both signals take part: the matrix mixes them."""
    gradient, formula = FORMULAS[name]
    system, g = Linear(matrix(0.5)), upstream()
    (_, by_input), _ = gradients(system, gradient, g)
    torch.testing.assert_close(by_input, formula(system.a.detach().T, g), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("gradient", [Gradient("truncated"), *RULES], ids=lambda rule: rule.rule)
def test_the_gradient_of_the_weights_is_the_adjoint_times_the_fixed_point(gradient):
    system, g = Linear(matrix(0.2)), upstream()
    (by_matrix, by_input), ending = gradients(system, gradient, g)
    fixed = torch.cat([ending.state.values["area"], ending.state.values["area.cell"]], 1).detach()
    torch.testing.assert_close(by_matrix, by_input.T @ fixed, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_every_rule_gives_the_state_after_the_same_steps(name):
    gradient, system = FORMULAS[name][0], Linear(matrix())
    (_, exact), (_, ending) = gradients(system, Gradient(), upstream()), gradients(system, gradient, upstream())
    for signal in ("area", "area.cell"):
        torch.testing.assert_close(ending.state.values[signal], exact.state.values[signal], rtol=1e-6, atol=1e-6)
    assert ending.state.step == STEPS
    assert torch.equal(ending.outputs["eye"], ending.state.values["area"])
    with torch.no_grad():
        image = torch.ones(2, UNITS, dtype=torch.float64)
        plain = last_state(system, [Hold(STEPS, {"image": image})], system.begin(2), gradient)
    assert not plain.state.values["area"].requires_grad


def test_phantom_gradients_err_by_no_more_than_their_damped_map_leaves():
    """The error of the adjoint is M'^k g with M = (1 - d) I + d J, so it is at most |M|^k of the implicit one's size,
    and a relative error e leaves a cosine of at least sqrt(1 - e^2)."""
    system, g = Linear(matrix(0.6)), upstream()
    wanted = torch.linalg.solve(EYE - system.a.detach().T, g.T).T
    damped = 0.3 * EYE + 0.7 * system.a.detach()
    for steps in (1, 3, 5, 20):
        (_, found), _ = gradients(system, Gradient("phantom", steps=steps), g)
        bound = float(torch.linalg.matrix_norm(damped, 2)) ** steps
        assert float((found - wanted).norm() / wanted.norm()) <= bound
        assert float((found * wanted).sum() / found.norm() / wanted.norm()) >= (1 - bound**2) ** 0.5


def test_recurrent_back_propagation_converges_to_the_implicit_gradient():
    system, g = Linear(matrix(0.8)), upstream()
    (wanted, _), _ = gradients(system, Gradient("implicit", tol=1e-12, unsettled="accept"), g)
    errors = []
    for terms in (0, 2, 8, 32, 120):
        (found, _), _ = gradients(system, Gradient("rbp", terms=terms, stop_early=False), g)
        errors.append(float((found - wanted).norm() / wanted.norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9


@pytest.mark.parametrize(
    ("gain", "size", "terms"),
    [
        (0.5, 1e-3, 15),
        (0.5, 0.9, 0),
        (0.5, 0.6, 1),
        (1.5, 1e-3, 0),
        (0.5, 1.5e-9, 0),
        (0.5, 3e-9, 1),
        (0.999, 1e-3, 15),
    ],
)
def test_recurrent_back_propagation_stops_as_published(gain, size, terms):
    """With A = gain I: before the sum is above 1, when terms grow, or when they are below 1e-9."""
    system, g = Linear((gain * EYE).requires_grad_()), upstream(size=size)
    (_, found), _ = gradients(system, Gradient("rbp"), g)
    torch.testing.assert_close(found, powers(gain * EYE, g, terms + 1), rtol=1e-10, atol=0)
    (_, whole), _ = gradients(system, Gradient("rbp", stop_early=False), g)
    torch.testing.assert_close(whole, powers(gain * EYE, g, 16), rtol=1e-10, atol=0)


def test_trials_that_depend_on_one_another_have_one_equation():
    """As batch norms make them in training."""
    system, g = Linear(matrix(0.4), across=0.3), upstream(batch=3)
    (exact, by_input), _ = gradients(system, Gradient(), g, steps=120)
    for gradient in (Gradient("implicit", tol=1e-10), Gradient("implicit", tol=1e-10, forward="anderson")):
        (found, other), _ = gradients(system, gradient, g, steps=120)
        torch.testing.assert_close(found, exact, rtol=1e-7, atol=1e-10)
        torch.testing.assert_close(other, by_input, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("across", [0.0, 0.3])
def test_an_output_that_no_gradient_reaches_has_none(across):
    system, nothing = Linear(matrix(), across), torch.zeros(2, UNITS, dtype=torch.float64)
    for gradient in RULES:
        (found, _), _ = gradients(system, gradient, nothing)
        assert float(found.abs().max()) == 0


def test_what_has_not_settled_has_no_implicit_gradient_unless_it_is_accepted():
    system, g = Linear(matrix(0.99)), upstream()
    with pytest.raises(NotConvergedError, match=r"the fixed point of a step .* 2 trial\(s\) had not settled"):
        gradients(system, Gradient("implicit"), g, steps=3)
    one = g * torch.tensor([[1.0], [0.0]])
    with pytest.raises(NotConvergedError, match=r"1 trial\(s\) had not settled"):
        gradients(system, Gradient("implicit"), one, steps=3)
    notes = []
    (_, by_input), ending = gradients(system, Gradient("implicit", unsettled="accept"), g, steps=3, notes=notes)
    assert bool((ending.residual > 1e-5).all())
    torch.testing.assert_close(by_input, torch.linalg.solve(EYE - system.a.detach().T, g.T).T, rtol=1e-3, atol=1e-6)
    assert notes == []


def test_an_equation_that_is_not_solved_is_refused_or_noted():
    system, g = Linear(matrix(0.9)), upstream()
    short = {"max_iterations": 2, "basis": 2}
    with pytest.raises(
        NotConvergedError, match=r"the implicit gradient was solved to .* in 2 products: raise max_iter"
    ):
        gradients(system, Gradient("implicit", **short), g, steps=400)
    notes = []
    gradients(system, Gradient("implicit", **short, unsettled="accept"), g, steps=400, notes=notes)
    gradients(system, Gradient("implicit", **short, unsettled="accept"), g, steps=400, notes=notes)
    assert notes == ["implicit gradients were taken that were not solved to tol = 1e-05"]


@pytest.mark.parametrize("gradient", PENALISED, ids=lambda rule: rule.rule)
def test_the_penalty_is_that_of_the_last_step(gradient):
    g = upstream()
    for a, wanted in ((0 * EYE, 0.0), (0.9 * EYE, 0.0), (1.5 * EYE, 0.36)):
        system = Linear(a.requires_grad_())
        _, ending = gradients(system, gradient, g, steps=6, expansion_bound=0.9)
        assert ending.expansion.item() == pytest.approx(wanted)
    (by_matrix,) = torch.autograd.grad(ending.expansion, system.a)
    torch.testing.assert_close(by_matrix, torch.full_like(EYE, 2 * 0.6 / UNITS))  # one column sum moves with each entry
    system = Linear(matrix(3.0))
    _, ending = gradients(system, gradient, g, steps=6, expansion_bound=0.2)
    assert ending.expansion.item() == pytest.approx(float((system.a.detach().sum(0) - 0.2).relu().square().mean()))
    _, ending = gradients(system, gradient, g, steps=6)
    assert ending.expansion is None


def test_frames_before_the_last_one_are_part_of_the_trial():
    system, g = Linear(matrix()), upstream()
    images = torch.randn(2, 2, UNITS, dtype=torch.float64).requires_grad_()
    holds = [Hold(3, {"image": images[0]}), Hold(40, {"image": images[1]})]
    ends = {}
    for rule in (Gradient(), Gradient("truncated", steps=42), Gradient("implicit")):
        state = last_state(system, holds, system.begin(2), rule).state
        last = torch.cat([state.values["area"], state.values["area.cell"]], 1)
        (ends[rule.rule],) = torch.autograd.grad((g * last).sum(), images)
    assert not torch.equal(ends["truncated"][0], ends["bptt"][0])
    for found in ends.values():
        torch.testing.assert_close(found, ends["bptt"], rtol=1e-4, atol=1e-8)


def kept_bytes(system, gradient, steps):
    """Bytes of all memory that autograd keeps for the gradient of one trial, beside the matrix."""
    sizes = {}

    def note(value):
        sizes[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        (_, _), ending = gradients(system, gradient, upstream(64), steps)
        sizes.pop(system.a.untyped_storage().data_ptr(), None)
    return sum(sizes.values()), ending


@pytest.mark.parametrize("gradient", RULES, ids=lambda rule: rule.rule)
def test_rules_about_fixed_points_keep_as_much_of_any_trial(gradient):
    system = Linear(matrix(0.3))
    few, _ = kept_bytes(system, gradient, 20)
    many, _ = kept_bytes(system, gradient, 200)
    assert few == many
    one_step, _ = kept_bytes(system, Gradient("truncated", steps=1), 20)
    assert few <= (1 if gradient.rule != "phantom" else 3 * gradient.steps) * one_step
    exact, _ = kept_bytes(system, Gradient(), 20)
    assert exact > 10 * one_step


def test_settings_that_say_nothing_are_refused_by_name():
    for given, said in (
        ({"rule": "rpb"}, "unknown gradient 'rpb'; did you mean 'rbp'"),
        ({"terms": 3}, "terms says nothing to gradient 'bptt', which has no settings; leave it out"),
        ({"rule": "truncated", "damping": 0.5}, "damping says nothing to gradient 'truncated', which reads steps"),
        ({"rule": "phantom", "forward": "anderson"}, "forward says nothing to gradient 'phantom'"),
        ({"rule": "phantom", "damping": 0.0}, "damping must be above 0 and at most 1"),
        ({"rule": "truncated", "steps": 0}, "steps must be"),
        ({"rule": "rbp", "terms": -1}, "terms must be"),
        ({"rule": "rbp", "leak": -0.1}, "leak must be"),
        ({"rule": "implicit", "tol": 0.0}, "tol must be"),
        ({"rule": "implicit", "forward": "newton"}, "forward must be 'steps' or 'anderson', got 'newton'"),
        ({"rule": "implicit", "unsettled": "maybe"}, "unsettled must be 'refuse' or 'accept', got 'maybe'"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            Gradient(**given)
        assert "\n" not in str(caught.value)


def test_trials_that_no_rule_can_run_are_refused():
    system, image = Linear(matrix()), torch.ones(1, UNITS, dtype=torch.float64)
    shown = [Hold(3, {"image": image})]
    for said, holds, gradient, how in (
        ("holds have no step", [], Gradient(), {}),
        ("no interventions", [Hold(3, {"image": image}, Effects(currents={"area": image}))], Gradient(), {}),
        ("damps the last steps = 5 of a trial, which has 3", shown, Gradient("phantom"), {}),
        ("runs the engine 'checkpointed', not 'time_major'", shown, Gradient("checkpointed"), {"engine": "time_major"}),
    ):
        with pytest.raises(ValueError, match=said):
            last_state(system, holds, system.begin(1), gradient, **how)


@pytest.mark.parametrize("gradient", RULES, ids=lambda rule: rule.rule)
def test_delays_are_refused_by_rules_about_fixed_points(gradient):
    model = randomised(DELAYS)
    system, holds = model.system(), [Hold(10, {"image": random_images(DELAYS)})]
    with pytest.raises(ValueError, match=f"gradient '{gradient.rule}' needs steps that repeat .* model has delays"):
        last_state(system, holds, system.begin(2), gradient)
    with pytest.raises(ValueError, match=r"the penalty on expansion needs steps that repeat .* model has delays"):
        last_state(system, holds, system.begin(2), expansion_bound=0.9)
    found = [
        torch.autograd.grad(
            last_state(system, holds, system.begin(2), rule).outputs["scores"].sum(),
            list(model.parameters()),
            retain_graph=True,
        )
        for rule in (Gradient(), Gradient("truncated", steps=10))
    ]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_rates_that_stop_being_finite_are_named():
    system = Linear((100 * EYE).requires_grad_())
    with pytest.raises(DivergedError):
        last_state(system, [Hold(400, {"image": torch.ones(1, UNITS).double()})], system.begin(1), Gradient("rbp"))


def test_a_rule_of_ones_own_is_a_row():
    assert {"bptt", "checkpointed", "truncated", "rbp", "implicit", "phantom"} <= set(GRADIENTS)
    for name in GRADIENTS:
        assert GRADIENTS[name].about
        assert set(GRADIENTS[name].uses) <= set(Gradient.__dataclass_fields__)
