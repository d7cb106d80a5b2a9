"""The printed output of experiments: help, claims of several models, notes, and a line of counts."""

import contextlib
import math
from dataclasses import replace

import pytest

from cordsnet.cli import main
from cordsnet.experiments import EXPERIMENTS, Result
from cordsnet.experiments.claims import Claim, Measured, above, at_most
from cordsnet.report.printed import lines_of
from cordsnet.report.titles import TITLES, experiment_title, title_of
from cordsnet.report.writer import claims_section


@pytest.mark.parametrize("words", [[], ["--preset", "smoke"]])
def test_help_says_to_which_folder_each_preset_goes(words, capsys):
    with contextlib.suppress(SystemExit):
        main(["experiment", "noise", *words, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "without this option runs/noise for preset desk and runs/noise_PRESET for any other" in said


DECLARED = Claim("reads", "Images are read.", "reviewer", "accuracy less chance", above(0.0), of="photographs")
OTHER = Claim("rests", "The network comes to rest.", "reviewer", "distance", at_most(0.1))


def of_models():
    """Two claims about three models, with a note on all, one on two, and one each."""
    claims = []
    for name, value in (("a", 0.2), ("b", -0.2), ("c", math.nan)):
        claims.append(DECLARED.found(Measured(value, (value - 0.1, value + 0.1), 80), name))
        claims.append(OTHER.found(Measured(0.05, (0.0, 0.2)), name))
    notes = [{"model": name, "note": "a long sentence"} for name in "abc"]
    notes += [{"model": name, "note": "only of two"} for name in "ab"]
    notes += [{"model": name, "note": f"{name} alone"} for name in "ac"]
    skipped = [{"model": "d", "part": "lag", "reason": "it has one area", "failed": False}]
    meta = {"experiment": "time_course", "models": {name: {} for name in "abc"}}
    return Result({"notes": notes, "skipped": skipped}, {}, tuple(claims), meta)


def test_claims_are_grouped_notes_are_said_once_and_verdicts_are_counted():
    assert lines_of(of_models()) == [
        "note: all models, a long sentence",
        "note: a and b, only of two",
        "note: a, a alone",
        "note: c, c alone",
        "does not apply: d, lag, because it has one area",
        "Images are read. [holds if above 0]",
        "  holds: a, 0.2 [0.1, 0.3], n = 80 photographs",
        "  fails: b, -0.2 [-0.3, -0.1], n = 80 photographs",
        "  not measured: c",
        "The network comes to rest. [holds if at most 0.1]",
        *(f"  undecided at this scale: {name}, 0.05 [0, 0.2]" for name in "abc"),
        "1 hold, 1 fail, 3 undecided, 1 not measured",
    ]


def test_a_claim_about_one_model_is_one_line():
    claims = [DECLARED.found(Measured(0.2, (0.1, 0.3), 80), "a"), OTHER.found(Measured(math.nan), "a")]
    assert lines_of(Result({}, {}, tuple(claims), {})) == [
        "holds: Images are read. (a) [0.2 [0.1, 0.3], n = 80 photographs; holds if above 0]",
        "not measured: The network comes to rest. (a) [holds if at most 0.1]",
        "1 hold, 0 fail, 0 undecided, 1 not measured",
    ]
    assert lines_of(Result({})) == []


def test_the_page_groups_claims_and_counts_them():
    section = claims_section(of_models())
    assert section.text.startswith("1 hold, 1 fail, 3 undecided, 1 not measured. ")
    assert [row[0] for row in section.tables[0].rows][:3] == [f"Images are read. ({name})" for name in "abc"]


def test_every_experiment_has_a_title_and_titles_differ():
    assert {*EXPERIMENTS, "compare"} == set(TITLES)
    assert len(set(TITLES.values())) == len(TITLES)
    assert not any("_" in title for title in TITLES.values())
    assert experiment_title("my_own") == "My own"


def test_a_title_names_the_model_or_counts_several_and_people():
    assert title_of(of_models()) == "Time course of recognition: 3 models"
    one = replace(of_models(), meta={"experiment": "noise", "models": {"net": {}}})
    assert title_of(one) == "Recognition under noise redrawn at every frame: net"
    people = Result({"people": [{"people": 21}, {"people": 21}]}, meta={"experiment": "masking_models", "models": {}})
    assert title_of(people) == "Backward masking of occluded objects beside 21 people"
    assert "{" not in "".join(experiment_title(name) for name in TITLES)
