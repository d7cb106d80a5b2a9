"""Models behind the same bubbles and masks as people, on their own clock (Tang, Schrimpf, Lotter et al. 2018)."""

from dataclasses import dataclass
from typing import Any

from cordsnet._checks import check_count, check_positive
from cordsnet.data.people.objects2018 import read_objects
from cordsnet.data.people.tang2018 import CHANCE, PRESENTATIONS_MS, read_masking, unlike_published
from cordsnet.experiments.claims import Claim, above, at_most, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import dynamics
from cordsnet.experiments.people.masking_scores import People, measure, rows_of
from cordsnet.experiments.people.masking_trials import (
    GRAIN_MS,
    READS,
    WIDTH_MS,
    WINDOWS_MS,
    Seen,
    Times,
    Viewer,
    make_stimuli,
    recurrent_pathways,
)
from cordsnet.experiments.people.pictures import reads_pictures, sees_briefly
from cordsnet.experiments.reading import after_control
from cordsnet.experiments.result import Result

Rows = list[dict[str, Any]]
LONGEST_MS = PRESENTATIONS_MS[-1]


@dataclass(frozen=True)
class MaskingModelsOptions:
    """Pictures, times and read-out.

    Attributes
    ----------
    people : needed: folder of trials.parquet and images.npz, the trials and whole objects of Tang et al. (2018),
        published with https://doi.org/10.1073/pnas.1719397115, in the form of docs/how_to/compare_models.md.
    objects : number of objects, a multiple of 5; 0 is all.
    bubbles : through which an object is seen; their width follows from the share that is hidden.
    mask : spectrum of masks: "mean" for the mean over all objects, so that masks do not tell the category; "own" for
        that of the object before.
    before_ms : grey before the object.
    read_from_ms, read_to_ms : window of the late read-out, from onset; a mask stays until its end.
    folds : of the cross-validation by object.
    draws : number of samples of people and objects.
    """

    people: str = ""
    objects: int = 0
    bubbles: int = 4
    mask: str = "mean"
    before_ms: float = 100.0
    read_from_ms: float = 200.0
    read_to_ms: float = 500.0
    folds: int = 5
    draws: int = 1000

    def __post_init__(self) -> None:
        check_count(self.objects, "objects", 0)
        check_count(self.draws, "draws", 1)
        check_positive(self.before_ms, "before_ms")
        if self.mask not in ("own", "mean"):
            raise ValueError(f"mask must be 'own' or 'mean', got {self.mask!r}")
        times = (LONGEST_MS, self.read_from_ms, self.read_to_ms)
        latest = WINDOWS_MS[-1] + WIDTH_MS / 2
        if not (times[0] <= times[1] < times[2]) or times[2] < latest or any(ms % GRAIN_MS for ms in times):
            raise ValueError(
                f"read_from_ms and read_to_ms must be multiples of {GRAIN_MS:g} ms, the first at least {LONGEST_MS} ms "
                f"and the second later and at least {latest:g} ms, got {times[1]:g} and {times[2]:g}"
            )


TANG, XIE = "Tang et al. 2018 (backward masking)", "Xie et al. 2025 (recurrence near 100, 175 and 300 ms)"
HOW = {"late": "read from 200 to 500 ms after onset", "accumulated": "read from onset to 500 ms"}


def _claims_of(read: str) -> tuple[Claim, ...]:
    how = HOW[read]
    return (
        Claim(
            f"mask_costs_at_25_ms_{read}",
            f"A mask after 25 ms costs the model accuracy, {how}.",
            TANG,
            "accuracy at 25 ms without a mask less that with one",
            above(0.0),
            of="objects",
        ),
        Claim(
            f"mask_costs_less_at_150_ms_{read}",
            f"A mask costs the model less after 150 ms than after 25 ms, {how}.",
            TANG,
            "cost of a mask at 25 ms less that at 150 ms",
            above(0.0),
            of="objects",
        ),
        Claim(
            f"longer_is_better_{read}",
            f"An object that is shown longer is recognised better, {how}.",
            TANG,
            "accuracy without a mask at 150 ms less that at 25 ms",
            above(0.0),
            of="objects",
        ),
        Claim(
            f"error_to_people_{read}",
            f"The model is within 10 points of people, {how}.",
            TANG,
            "root mean square over the ten conditions of the model's accuracy less that of people",
            at_most(0.1),
            of="objects",
        ),
    )


CLAIMS = (
    Claim(
        "whole_objects_are_read",
        "Categories of whole objects can be read from the top area.",
        "control",
        "accuracy on whole objects that the read-out was not fitted to, less chance",
        above(0.0),
        of="objects",
    ),
    *(claim for read in READS for claim in _claims_of(read)),
    *(
        Claim(
            f"recurrence_near_{ms}_ms",
            f"Lateral and feedback pathways near {ms} ms serve the recognition of occluded objects.",
            XIE,
            f"accuracy at 150 ms, read from onset to 500 ms, less that without these pathways from {ms - 25} to "
            f"{ms + 25} ms; mean over trials with and without a mask",
            above(0.0),
            of="objects",
        )
        for ms in WINDOWS_MS
    ),
)

NOTE = (
    "bubbles are new ones, with shares hidden of 60-100 % as in the trials of people; whole objects exist at 40 px, so "
    "that models are compared with people by condition; a response is what differs from the same model on grey, and "
    "one below 1 % of that to whole objects counts as a guess; each read-out is fitted to whole objects that stay"
)


@experiment(
    "masking_models",
    options=MaskingModelsOptions,
    presets={
        "smoke": Preset(MaskingModelsOptions(objects=25, draws=200), 0.3, 0.5),
        "desk": Preset(MaskingModelsOptions(), 3.0, 1.0),
        "paper": Preset(MaskingModelsOptions(draws=10_000), 600.0, 16.0),
    },
    claims=CLAIMS,
    needs=(reads_pictures, dynamics, sees_briefly),
)
def masking_models(setting: Setting, options: MaskingModelsOptions) -> Result:
    """Accuracy of models on occluded objects against presentation time, with and without a mask, beside people."""
    if not options.people:
        raise ValueError(
            "people must name the folder of trials.parquet and images.npz, the trials and whole objects of Tang, "
            "Schrimpf, Lotter et al. (PNAS 2018); got ''"
        )
    trials, objects = read_masking(options.people), read_objects(options.people)
    stimuli = make_stimuli(objects, trials.hidden, options.objects, options.bubbles, options.mask, setting.seed)
    people, times = People.of(trials), Times(options.before_ms, options.read_from_ms, options.read_to_ms)
    tables: dict[str, Rows] = {name: [] for name in ("masking_models", "costs", "fit", "lesions", "controls", "notes")}
    tables["people"] = people.rows(setting.seed, options.draws)
    tables["notes"] = [{"model": "people", "note": note} for note in (unlike_published(trials),) if note]
    claims: list[Claim] = []
    for k, (label, model) in enumerate(setting.models.items()):
        setting.tell(label, k, len(setting.models))
        viewer = Viewer(model.eval(), stimuli, times, options.folds, setting.seed)
        seen = viewer.see()
        found = measure(seen, people, setting.seed, options.draws)
        new = rows_of(seen, people, found, setting.seed, options.draws)
        decided, unread = after_control(decide(CLAIMS, found, label), "whole_objects_are_read", CHANCE)
        new["notes"] = [{"note": note} for note in (NOTE, *unread, *seen.notes, *_about(viewer, seen))]
        for name, rows in new.items():
            tables[name] += [{"model": label} | row for row in rows]
        claims += decided
    return Result(tables, claims=tuple(claims))


def _about(viewer: Viewer, seen: Seen) -> list[str]:
    """Notes that should be read before numbers of a model are believed."""
    notes = []
    if pathways := recurrent_pathways(viewer.model):
        notes.append(f"pathways that are silenced in windows: {', '.join(pathways)}")
    else:
        notes.append("it has no lateral or feedback pathways that could be silenced")
    own = float(seen.mask["late"].mean())
    notes.append(f"masks alone are taken for the object before in {100 * own:.0f} % of trials (chance 20 %)")
    for masked in (False, True):
        silent = [shown for shown in PRESENTATIONS_MS if seen.silent[masked, shown] > 0.5]
        if silent:
            after = "a mask" if masked else "grey"
            notes.append(
                f"followed by {after}, most responses to {', '.join(map(str, silent))} ms are gone from "
                f"{viewer.times.read_from:g} ms on, and late answers are guesses"
            )
    return notes
