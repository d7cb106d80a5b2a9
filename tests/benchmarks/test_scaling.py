"""The series that measure how cost scales with time steps, batch and operations."""

from cordsnet.benchmarks import scaling
from cordsnet.benchmarks.scaling import AXES, Case, cases, measure_scaling, plot_scaling


def test_each_quantity_is_varied_alone_over_a_factor_of_8_in_cost():
    plain = Case("steps")
    for varied in AXES:
        mine = [case for case in cases() if case.varied == varied]
        name = "size" if varied == "flops" else varied
        others = {"steps", "batch", "size"} - {name}
        assert all(getattr(case, other) == getattr(plain, other) for case in mine for other in others)
        values = [getattr(case, name) for case in mine]
        assert values == sorted(values)
        assert (values[-1] / values[0]) ** (2 if varied == "flops" else 1) >= 8


def test_it_is_measured_and_drawn(monkeypatch, tmp_path):
    tiny = [Case(varied, steps=n, batch=n, size=16 * n) for varied in AXES for n in (2, 4)]
    monkeypatch.setattr(scaling, "cases", lambda: iter(tiny))
    rows = measure_scaling(repeats=1)
    assert [row["seconds"] > 0 for row in rows] == [True] * len(tiny)
    assert rows[-1]["flops"] > rows[-2]["flops"]
    plot_scaling(rows, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 5000
