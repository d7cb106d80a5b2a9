"""Readers of published answers: known files are read exactly, and every other one is refused by name."""

import numpy as np
import pytest
from scipy.io import savemat

from answers_by_hand import challenge, real, trials, write_challenge, write_trials
from cordsnet.data.people import maniquet2025, tang2018
from cordsnet.data.people.maniquet2025 import read_challenge
from cordsnet.data.people.tang2018 import read_masking, unlike_published
from cordsnet.errors import DataError


def test_a_challenge_file_is_read_in_the_order_of_its_names(tmp_path):
    found = challenge()
    read = read_challenge(write_challenge(tmp_path, found))
    assert read.networks == ("cornet_z", "cornet_s", "vgg16_bn")
    assert read.parameters.tolist() == [1e6, 1e7, 1e8]
    assert read.accuracy.shape == (218, 17)
    assert np.isfinite(read.accuracy).sum() == 109 * 17
    assert read.curves["with mask"].accuracy.tolist() == found["performance"]["mask accuracy"]
    found["conditions"].reverse()
    for name, values in found["performance"].items():
        if isinstance(values, dict):
            found["performance"][name] = {key: row[::-1] for key, row in values.items()}
        else:
            values.reverse()
    again = read_challenge(str(write_challenge(tmp_path, found) / maniquet2025.FILE))
    assert again.conditions == read.conditions
    assert np.array_equal(again.accuracy, read.accuracy, equal_nan=True)
    assert all(np.array_equal(*pair) for pair in zip(again.scores, read.scores, strict=True))


def put(*steps):
    """A change of a challenge file: the entry that the steps lead to becomes the last of them."""

    def change(found):
        *way, last, value = steps
        for step in way:
            found = found[step]
        found[last] = value

    return change


def swap(first, second):
    """A change of a challenge file: two columns change places."""

    def change(found):
        stored = found["performance"]
        stored[first], stored[second] = stored[second], stored[first]

    return change


def leave_out(found):
    """A person is missing."""
    for name in ("participants accuracy", "participants RT"):
        found["performance"][name].pop("5")


def double(found):
    """All people are there twice."""
    for name in ("participants accuracy", "participants RT"):
        rows = found["performance"][name]
        rows |= {f"again {key}": row for key, row in rows.items()}


def unsee(found):
    for name in ("participants accuracy", "participants RT"):
        for row in found["performance"][name].values():
            row[0] = None


SPOILT = {
    "condition": put("conditions", 3, "fog"),
    "category": put("categories", 0, "dog"),
    "percent": put("performance", "cornet_s", "1", 4, 86.0),
    "negative": put("performance", "participants accuracy", "1", 0, -0.1),
    "swapped": swap("accuracy", "RT"),
    "masks": swap("mask accuracy", "no mask accuracy"),
    "shuffled": lambda found: found["performance"]["accuracy"].reverse(),
    "short": lambda found: found["performance"]["cornet_s"]["1"].pop(),
    "text": put("performance", "cornet_s", "1", 2, "0.5"),
    "nan": put("performance", "cornet_s", "1", 2, float("nan")),
    "unseen": unsee,
    "half": put("performance", "participants RT", "1", 0, None),
    "person": lambda found: found["performance"]["participants RT"].pop("3"),
    "network": lambda found: found["performance"].pop("vgg16_bn"),
    "ceiling": put("noise_ceilings", "across ppts", "accuracy", []),
    "empty": put("performance", "cornet_s", {}),
    "left out": leave_out,
    "twice": double,
    "errors": swap("mask accuracy", "sem mask accuracy"),
    "millions": put("model_sizes", "vgg16_bn", 134.3),
}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("condition", "lacks condition 'scrambling_highpass'"),
        ("category", "categories in .* must be person, cat"),
        ("percent", "accuracies of 'cornet_s' in .* from 0 to 1, got 86"),
        ("negative", "participants accuracy in .* from 0 to 1, got -0.1"),
        ("swapped", "'accuracy' in .* from 0 to 1, got 900"),
        ("masks", "masks would help people, so the columns are swapped"),
        ("shuffled", "'accuracy' of '.*' in .* differs by 0.400"),
        ("short", "'cornet_s' of '1' in .* 17 numbers, got 16"),
        ("text", "'cornet_s' of '1' in .* finite numbers alone, got '0.5'"),
        ("nan", "finite numbers alone, got nan"),
        ("unseen", "nobody in .* saw condition 'control'"),
        ("half", "person '1' in .* other conditions"),
        ("person", "person '3' in .* but not both"),
        ("network", "has no 'vgg16_bn'"),
        ("ceiling", "ceiling 'accuracy' in .* has no draws"),
        ("empty", "'cornet_s' in .* is empty"),
        ("left out", "lacks person '5'; give the published 218"),
        ("twice", "has an unknown person 'again 1'; give the published 218"),
        ("errors", "'sem mask accuracy' in .* is larger than 'mask accuracy' in condition 'control'"),
        ("millions", "numbers of parameters in .* from 10000 to 1e.13, got 134.3"),
    ],
)
def test_another_challenge_file_is_refused_by_name(how, message, tmp_path):
    found = challenge()
    SPOILT[how](found)
    with pytest.raises(DataError, match=message) as raised:
        read_challenge(write_challenge(tmp_path, found))
    assert "\n" not in str(raised.value)


def test_what_is_no_challenge_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="cannot be read"):
        read_challenge(tmp_path)
    file = tmp_path / maniquet2025.FILE
    for content in (b"", b"\xff\xfe", b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(DataError, match="damaged or is no JSON"):
            read_challenge(tmp_path)
    for content in (b"[]", b"{}", b'{"conditions": 3}'):
        file.write_bytes(content)
        with pytest.raises(DataError, match="'conditions'"):
            read_challenge(tmp_path)
    monkeypatch.setattr(maniquet2025, "LARGEST", 10)
    file.write_bytes(b" " * 11)
    with pytest.raises(DataError, match="more than 10 bytes"):
        read_challenge(tmp_path)


def test_the_published_challenge_is_read():
    read = read_challenge(real("challenge_maniquet2025"))
    assert (len(read.networks), len(read.people)) == (15, 218)
    assert all(scores.shape == (20, 17) for scores in read.scores)
    assert sorted(set(np.isfinite(read.accuracy).sum(1).tolist())) == [4, 5, 6]
    assert all(len(draws) == 100 for draws in read.ceilings.values())


@pytest.mark.parametrize("kind", ["parquet", "struct", "among others"])
def test_trials_are_read_from_parquet_and_from_matlab(kind, tmp_path):
    columns, path = trials(), tmp_path
    if kind == "parquet":
        write_trials(tmp_path)
    else:
        path = tmp_path / "data.mat"
        others = {} if kind == "struct" else {"settings": {"screen": "grey"}, "numbers": np.arange(3)}
        savemat(path, {"trials": columns} | others)
    read = read_masking(path)
    assert read.unanswered == 0
    assert np.array_equal(read.person, columns["subject"])
    assert np.array_equal(read.correct, columns["correct"] == 1)
    assert np.array_equal(read.masked, columns["masked"])
    assert np.allclose(read.reaction_ms, 900)
    assert np.allclose(read.hidden, 0.8)


def test_trials_without_an_answer_are_left_out_and_counted(tmp_path):
    columns = trials()
    columns["response_category"][5] = np.nan
    columns["correct"][7] = np.nan
    read = read_masking(write_trials(tmp_path, columns))
    assert (read.unanswered, len(read.person)) == (2, 2098)


def turned(shown):
    """Presentation times, the shortest for the longest."""
    times = np.array(tang2018.PRESENTATIONS_MS)
    return times[::-1][np.searchsorted(times, shown)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: {**c, "subject": np.where(c["subject"] == 160, 161, c["subject"])}, "lacks subject 160"),
        (lambda c: {**c, "subject": c["subject"] + 21}, "lacks subject 152"),
        (lambda c: {**c, "subject": np.append(c["subject"][1:], 9)}, "has an unknown subject 9"),
        (lambda c: {**c, "category": c["category"] + 1}, "'category' in .* from 1 to 5, got 6"),
        (lambda c: {**c, "response_category": c["response_category"] - 1}, "'response_category' .*got 0"),
        (lambda c: {**c, "category": c["category"][::-1]}, "contradicts|two categories"),
        (lambda c: {**c, "correct": 1 - c["correct"]}, "contradicts 'category' and 'response_category' in 2100"),
        (lambda c: {**c, "response_category": c["correct"], "correct": c["response_category"]}, "from . to ., got"),
        (lambda c: {**c, "reaction_s": 1000 * c["reaction_s"]}, "times in seconds.*got 900"),
        (lambda c: {**c, "presentation_ms": c["presentation_ms"] / 1000}, "must hold whole numbers, got"),
        (lambda c: {**c, "presentation_ms": c["presentation_ms"] + 1}, "lacks presentation_ms 25"),
        (lambda c: {**c, "percent_hidden": 2 * c["percent_hidden"]}, "'percent_hidden' .*got 160"),
        (lambda c: {**c, "masked": np.zeros_like(c["masked"])}, "no answer to 25 ms with masked 1"),
        (lambda c: {**c, "masked": c["masked"].astype(str)}, "'masked' .* must hold a number"),
        (lambda c: {**c, "masked": ~c["masked"]}, "masks would help people, so 'masked' is turned around"),
        (lambda c: {**c, "presentation_ms": turned(c["presentation_ms"])}, "'presentation_ms' is turned around"),
        (lambda c: {**c, "percent_hidden": c["percent_hidden"] / 100}, "in percent, with a median .* got 0.8"),
        (lambda c: {**c, "percent_hidden": 100 - c["percent_hidden"]}, "in percent, with a median .* got 20"),
        (
            lambda c: {name: np.append(v, v[7]) for name, v in c.items()},
            "that repeat another: 1, such as image 8 of subject",
        ),
        (lambda c: {name: np.append(v, v) for name, v in c.items()}, "that repeat another: 2100, such"),
        (lambda c: {**c, "correct": np.where(c["subject"] == 160, np.nan, c["correct"])}, "subject 160 .* no answer"),
        (lambda c: {**c, "image": c["image"] * 0}, "two categories"),
        (lambda c: {**c, "image": np.where(c["image"] > 3, np.nan, c["image"])}, "'image' .* missing or infinite"),
        (lambda c: {name: values for name, values in c.items() if name != "masked"}, "no column 'masked'"),
        (lambda c: {name: values[:0] for name, values in c.items()}, "number for each trial, got 0"),
    ],
)
def test_other_trials_are_refused_by_name(change, message, tmp_path):
    with pytest.raises(DataError, match=message) as raised:
        read_masking(write_trials(tmp_path, change(trials())))
    assert "\n" not in str(raised.value)


def test_what_are_no_trials_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="cannot be read"):
        read_masking(tmp_path)
    for name, message in ((tang2018.FILE, "no parquet file"), ("data.mat", "no MATLAB file")):
        for content in (b"", b"PAR1", b"never run" * 100):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=message):
                read_masking(tmp_path / name)
    savemat(tmp_path / "data.mat", {"a": {"b": 1}, "c": {"d": 2}})
    with pytest.raises(DataError, match="one struct with the columns, or one named 'trials', got 2"):
        read_masking(tmp_path / "data.mat")
    savemat(tmp_path / "data.mat", {"trials": trials() | {"image": np.array(["a", {"b": 1}], dtype=object)}})
    with pytest.raises(DataError, match=r"'image' .* must hold a number"):
        read_masking(tmp_path / "data.mat")
    write_trials(tmp_path)
    monkeypatch.setattr(tang2018, "MOST_TRIALS", 10)
    with pytest.raises(DataError, match="2,100 rows, more than 10"):
        read_masking(tmp_path)
    monkeypatch.setattr(tang2018, "LARGEST", 10)
    with pytest.raises(DataError, match="more than 10 bytes"):
        read_masking(tmp_path)


def test_other_accuracies_than_the_published_ones_are_told(tmp_path):
    told = unlike_published(read_masking(write_trials(tmp_path)))
    assert "that at 150 ms with a mask differs by 0.182; 2,100 trials were read, and 13,000 are published" in told


def test_the_published_trials_are_read():
    read = read_masking(real("masking_tang2018"))
    assert not unlike_published(read)
    assert (len(read.person), read.unanswered) == (13_000, 0)
    assert 860 < np.median(read.reaction_ms) < 960
