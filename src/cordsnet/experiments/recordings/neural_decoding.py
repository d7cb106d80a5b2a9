"""From when on, and how, the class of an image can be read from the responses of neurons."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count, check_positive
from cordsnet._intervals import TAIL
from cordsnet.dynamics.limits import in_words
from cordsnet.experiments.claims import Claim, Measured, above, between, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.result import Axis, LabelledArray, Result
from cordsnet.neural import (
    CrossTemporal,
    Decoding,
    DecodingPlan,
    Recording,
    cross_temporal,
    decode_across,
    decode_over_time,
    read_recording,
)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class NeuralDecodingOptions:
    """Options of decoding over time.

    Attributes
    ----------
    recording : file or folder of a recording, in a form that `cordsnet neural check` reads without options.
    label : label of the images that is decoded, such as "object".
    over : second label, such as "position": decoders are trained on all its values but one and tested on that one; an
        empty text asks for none.
    split : "image" keeps the trials of an image on one side; "repeat" divides the repeats of each image, for recordings
        in which a class is one image.
    bin_ms : duration of the bins in which spikes are counted, ms, for forms that leave it open; 0 is the form's own.
    from_ms, to_ms : bins within this time from onset are used.
    folds, resamples : folds of the cross-validation, and draws of repeats.
    permutations, draws : for the threshold of the onset, and for its interval.
    """

    recording: str = ""
    label: str = "object"
    over: str = ""
    split: str = "image"
    bin_ms: float = 0.0
    from_ms: float = -200.0
    to_ms: float = 500.0
    folds: int = 5
    resamples: int = 10
    permutations: int = 199
    draws: int = 50

    def __post_init__(self) -> None:
        if self.bin_ms:
            check_positive(self.bin_ms, "bin_ms")
        if not (math.isfinite(self.from_ms) and math.isfinite(self.to_ms) and self.from_ms < self.to_ms):
            raise ValueError(f"from_ms must be below to_ms, got {self.from_ms:g} and {self.to_ms:g}")
        check_count(self.permutations, "permutations", 19, 100_000)
        check_count(self.draws, "draws", 20, 100_000)
        self.plan(0)

    def plan(self, seed: int) -> DecodingPlan:
        """Return the settings of the decoders. Raises ValueError for numbers and names that cannot be."""
        return DecodingPlan(self.split, folds=self.folds, resamples=self.resamples, seed=seed)


ONSET = "Hung et al., Science 2005: categories in IT from about 100 ms on"
CLAIMS = (
    Claim("decodable", "The class can be decoded from the responses.", "control",
          "highest accuracy after onset less the threshold that 5 % of permutations exceed in some bin", above(0.0),
          of="resamples"),
    Claim("onset_near_100_ms", "The class can be decoded from about 100 ms after onset on.", ONSET,
          "onset of information, ms", between(70.0, 130.0), of="trials"),
    Claim("generalises", "Decoders tolerate a value of the second label that they were not trained on.",
          "Zhang et al., PNAS 2011",
          "accuracy at the left-out value, the least over values, less chance, in the best bin of all decoders",
          above(0.0), of="resamples"),
    Claim("code_changes", "The code changes over time.", "King & Dehaene, Trends Cogn. Sci. 2014",
          "accuracy after onset in the bin of training less that in other bins, mean", above(0.0), of="resamples"),
)  # fmt: skip


@experiment(
    "neural_decoding",
    options=NeuralDecodingOptions,
    presets={
        "smoke": Preset(NeuralDecodingOptions(folds=2, resamples=2, permutations=19, draws=20), 0.5, 2.0),
        "desk": Preset(NeuralDecodingOptions(), 5.0, 2.0),
        "paper": Preset(NeuralDecodingOptions(resamples=100, permutations=999, draws=500), 60.0, 4.0),
    },
    claims=CLAIMS,
    stored=True,
)
def neural_decoding(setting: Setting, options: NeuralDecodingOptions) -> Result:
    """Accuracy of decoders of a class in each time bin, their onset, generalisation, and accuracy between bins.

    Tables: "decoding" has a row for each bin, also with decoders that are tested at a left-out value of the second
    label ("tested"); "onset" the onset with its interval, threshold and status. Array "cross_temporal": accuracy of
    decoders of one bin in all bins. Intervals are over draws of repeats and folds, with the same images and neurons.
    """
    recording = read_part(options)
    plan = options.plan(setting.seed)
    setting.say(_size(recording, options))
    setting.tell("over time", 0, 3)
    found = decode_over_time(
        recording, options.label, plan=plan, permutations=options.permutations, draws=options.draws
    )
    setting.tell("between bins", 1, 3)
    crossed = cross_temporal(recording, options.label, plan=plan)
    setting.tell("over a second label", 2, 3)
    across = _across(recording, options, plan)
    setting.tell("decoding", 3, 3)
    rows = _rows(found, "all") + [row for value, one in across.items() for row in _rows(one, value)]
    tables = {"decoding": rows, "onset": [_onset_row(found)], "notes": _notes(recording, found)}
    times = recording.centres_ms
    axes = (Axis("train_ms", tuple(times.tolist()), "ms"), Axis("test_ms", tuple(times.tolist()), "ms"))
    arrays = {"cross_temporal": LabelledArray(crossed.accuracy, axes)}
    about = {"source": recording.source, "chance": found.chance, "neurons": found.neurons, "repeats": found.repeats}
    return Result(tables, arrays, decide(CLAIMS, _measured(found, crossed, across)), about)


def _size(recording: Recording, options: NeuralDecodingOptions) -> str:
    """A sentence on the number of decoders, whose fits take the time, and on memory; too much of both is refused."""
    images, repeats, bins, neurons = recording.responses.shape
    values = len(np.unique(recording.image_labels[options.over])) if options.over else 0
    decoders = bins * options.folds * options.resamples * (2 + values)
    held = in_words(16 * images * repeats * bins * neurons)
    return (
        f"about {decoders:,} decoders of {neurons:,} neurons on up to {images * repeats:,} trials, and "
        f"{options.permutations:,} permutations of each of {bins:,} bins; about {held} of memory"
    )


def read_part(options: NeuralDecodingOptions) -> Recording:
    """Read the recording, and the bins that are asked for. Raises ValueError where none is given."""
    if not options.recording:
        raise ValueError("recording must be given; 'cordsnet neural check FILE' says what a recording holds")
    how: dict[str, Any] = {"bin_ms": options.bin_ms} if options.bin_ms else {}
    whole = read_recording(options.recording, **how)
    for name in filter(None, (options.label, options.over)):
        if name not in whole.image_labels:
            known = ", ".join(whole.image_labels) or "none"
            raise ValueError(f"label and over must be labels of the images, {known}, got {name!r}")
    return whole.select(window_ms=(options.from_ms, options.to_ms))


def _across(recording: Recording, options: NeuralDecodingOptions, plan: DecodingPlan) -> dict[str, Decoding]:
    """Value of the second label that is left out -> decoding at it."""
    if not options.over:
        return {}
    values = list(np.unique(recording.image_labels[options.over]))
    return {
        f"{options.over} {value}": decode_across(
            recording,
            options.label,
            options.over,
            train=[one for one in values if one != value],
            test=[value],
            plan=plan,
        )
        for value in values
    }


def _rows(found: Decoding, tested: str) -> Rows:
    """A row for each bin."""
    rows = []
    for (start, end), accuracy, (low, high) in zip(found.bins_ms, found.accuracy, found.interval, strict=True):
        row = {"tested": tested, "start_ms": float(start), "end_ms": float(end), "time_ms": float((start + end) / 2)}
        rows.append(row | {"accuracy": float(accuracy), "low": float(low), "high": float(high)})
    return rows


def _onset_row(found: Decoding) -> dict[str, Any]:
    onset = found.onset
    assert onset is not None
    row = {"threshold": onset.threshold, "p_value": onset.p_value, "status": onset.status.value}
    if math.isfinite(onset.onset_ms):
        row["onset_ms"] = onset.onset_ms
    if onset.interval_ms is not None:
        row |= {"low": onset.interval_ms[0], "high": onset.interval_ms[1], "share_found": onset.share_found}
    return row


def _notes(recording: Recording, found: Decoding) -> Rows:
    """Sentences on what the recording can and cannot show."""
    notes = [
        f"{found.repeats} trials of each image are made from repeats that each neuron draws by itself, so that "
        "correlations between neurons are lost",
        "intervals of accuracies are over draws of repeats and folds; other images or neurons may differ more",
    ]
    if not recording.bins_ms[0, 0] < 0:
        notes.append("no bin lies before onset, so that decoding without a stimulus is not checked")
    return [{"note": note} for note in notes]


def _measured(found: Decoding, crossed: CrossTemporal, across: dict[str, Decoding]) -> dict[str, Measured]:
    """Values of the claims."""
    after = found.bins_ms[:, 0] >= 0
    best = int(np.argmax(np.where(after, found.accuracy, -1)))
    onset, measured = found.onset, dict[str, Measured]()
    if onset is not None:
        measured["decodable"] = _less(found, best, onset.threshold)
    if onset is not None and math.isfinite(onset.onset_ms):
        trials = found.repeats * len(found.by_image)
        sure = (
            onset.share_found is not None and onset.share_found >= 1 - TAIL
        )  # else samples without onset are left out
        measured["onset_near_100_ms"] = Measured(onset.onset_ms, onset.interval_ms if sure else None, trials)
        late = after & (found.bins_ms.mean(1) >= onset.onset_ms)
        if late.sum() > 1:
            measured["code_changes"] = _diagonal(crossed, late)
    if across:
        worst = min(across.values(), key=lambda one: one.accuracy[best])
        measured["generalises"] = _less(worst, best, worst.chance)
    return measured


def _less(found: Decoding, place: int, bound: float) -> Measured:
    """Accuracy in a bin less a bound."""
    low, high = found.interval[place] - bound
    return Measured(float(found.accuracy[place] - bound), (float(low), float(high)), found.n)


def _diagonal(crossed: CrossTemporal, late: NDArray[np.bool_]) -> Measured:
    """Accuracy in the bin of training less that in others after onset."""
    square = crossed.accuracy[np.ix_(late, late)]
    own = np.eye(len(square), dtype=bool)
    return Measured(float(square[own].mean() - square[~own].mean()), None, crossed.n)
