"""Fast and slow inference against the slowest mode of the linearised network (Soo et al. 2024, Figure 4B)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count, check_positive
from cordsnet.data import Split
from cordsnet.experiments.claims import Claim, Measured, above, decide
from cordsnet.experiments.effects.recordings import mean_of_finite
from cordsnet.experiments.effects.settling import Mode, Settling, record_settling, slowest_mode
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, rank_correlation
from cordsnet.experiments.needs import classifies_images, rate_equation
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class SpeedOptions:
    """Times, and tolerances.

    Attributes
    ----------
    trials : number of test images.
    hold_ms : how long each image is shown.
    share : of the response of each area; the network has settled once all are as near to their fixed point for good.
    tol : relative residual of eigenvalues.
    """

    trials: int = 100
    hold_ms: float = 1000.0
    share: float = 0.05
    tol: float = 1e-4

    def __post_init__(self) -> None:
        check_count(self.trials, "trials", 1)
        for name in ("hold_ms", "share", "tol"):
            check_positive(getattr(self, name), name)
        for name in ("share", "tol"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name):g}")


PAPER = "Soo et al. 2024, Figure 4B"
CLAIMS = (
    Claim("slow_modes_settle_late", "Images at whose fixed point modes are slower take longer to settle.", PAPER,
          "rank correlation over images of the time to settle with the decay time of the slowest mode", above(0.0)),
    Claim("slow_modes_decide_late", "Images at whose fixed point modes are slower take longer to get their answer.",
          PAPER, "rank correlation over images of the time of the last change of the answer with that decay time",
          above(0.0)),
    Claim("tail_follows_mode", "The last of the way to the fixed point is slower where its slowest mode is slower.",
          "Soo et al. 2024, Figure 4B; linear theory",
          "rank correlation over images of the time to fall to 1/e, near the fixed point, with that decay time",
          above(0.0)),
    Claim("answer_before_rest", "The answer is final before the network has settled.",
          "reviewer: does an answer need a fixed point?",
          "time to settle less time of the last change of the answer, mean over images, ms", above(0.0)),
)  # fmt: skip


@experiment(
    "speed",
    options=SpeedOptions,
    presets={
        "smoke": Preset(SpeedOptions(trials=12, hold_ms=400.0), 0.2, 0.5),
        "desk": Preset(SpeedOptions(), 1.5, 1.0),
        "paper": Preset(SpeedOptions(trials=1000, hold_ms=2000.0), 240.0, 64.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, rate_equation),
    of_readers=("slow_modes_decide_late", "answer_before_rest"),
)
def speed(setting: Setting, options: SpeedOptions) -> Result:
    """Time to settle and to decide, per image, against the slowest mode where the image drives the network to."""
    tables: dict[str, Rows] = {name: [] for name in ("speed", "images", "course", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        settling = record_settling(model, split.images, options.hold_ms, setting.seed)
        modes = modes_of(model, split, settling, options.tol, setting.seed)
        found = Measures(settling.settle_ms(options.share), settling.decide_ms(), settling.tail_ms(), tuple(modes))
        measured = found.claims(setting.seed)
        rows = {
            "speed": [found.summary(setting.seed)],
            "images": found.rows(split),
            "course": _course(settling),
            "notes": [{"note": note} for note in (*settling.notes, *found.notes(settling, options))],
        }
        for name, more in rows.items():
            tables[name] += [{"model": label} | row for row in more]
        claims += decide(CLAIMS, measured, label)
    return Result(tables, claims=tuple(claims))


def modes_of(model: VisionModel, split: Split, settling: Settling, tol: float, seed: int = 0) -> list[Mode | None]:
    """The slowest mode at the fixed point of each image; None where none was found."""
    images = split.images
    return [
        slowest_mode(model, images[k : k + 1], {area: r[k : k + 1] for area, r in settling.rates.items()}, tol, seed)
        if settling.found[k]
        else None
        for k in range(len(images))
    ]


@dataclass(frozen=True)
class Measures:
    """Times of each image, and the slowest mode of its fixed point.

    Attributes
    ----------
    settle_ms : NaN where the network has not settled at the end [B].
    decide_ms : time of the last change of the answer [B].
    tail_ms : time in which the distance falls to 1/e near the fixed point [B].
    modes : None where there is no fixed point.
    """

    settle_ms: Array
    decide_ms: Array
    tail_ms: Array
    modes: tuple[Mode | None, ...]

    @property
    def decay_ms(self) -> Array:
        """Decay time of the slowest mode, NaN where it is unknown or where a mode grows [B]."""
        decay = np.array([np.nan if mode is None else mode.decay_ms for mode in self.modes])
        return np.where(np.isfinite(decay), decay, np.nan)

    @property
    def growing(self) -> int:
        """Images at whose fixed point a mode does not decay."""
        return sum(mode is not None and mode.decay_ms == np.inf for mode in self.modes)

    def claims(self, seed: int = 0) -> dict[str, Measured]:
        """Measure the claims, with intervals over images."""
        return {
            "slow_modes_settle_late": rank_correlation(self.settle_ms, self.decay_ms, seed),
            "slow_modes_decide_late": rank_correlation(self.decide_ms, self.decay_ms, seed),
            "tail_follows_mode": rank_correlation(self.tail_ms, self.decay_ms, seed),
            "answer_before_rest": _mean(self.settle_ms - self.decide_ms, seed),
        }

    def summary(self, seed: int = 0) -> dict[str, Any]:
        """Means with intervals."""
        row: dict[str, Any] = {"images": len(self.modes)}
        for name in ("settle_ms", "decide_ms", "tail_ms", "decay_ms"):
            measured = _mean(getattr(self, name), seed)
            row |= {name: measured.value, f"{name}_images": measured.n}
            if measured.interval is not None:
                row |= {f"{name}_low": measured.interval[0], f"{name}_high": measured.interval[1]}
        return row

    def rows(self, split: Split) -> Rows:
        """One row for each image."""
        rows: Rows = []
        for k, (label, mode) in enumerate(zip(split.labels.tolist(), self.modes, strict=True)):
            row = {"image": split.file(k), "class": label, "settle_ms": self.settle_ms[k]}
            row |= {name: getattr(self, name)[k] for name in ("decide_ms", "tail_ms", "decay_ms")}
            if mode is not None:
                row |= {"frequency_hz": mode.frequency_hz}
                row |= {f"decay_ms_{area}": decay for area, decay in mode.by_area.items()}
            rows.append(row)
        return rows

    def notes(self, settling: Settling, options: SpeedOptions) -> list[str]:
        """State which images are left out, and why."""
        total, missing = len(self.modes), int((~settling.found).sum())
        late = int((np.isnan(self.settle_ms) & settling.found).sum())
        unsolved = sum(mode is not None and np.isnan(mode.decay_ms) for mode in self.modes)
        said = {
            "no fixed point was found from where the network is at the end": missing,
            f"not within {100 * options.share:g} % of the fixed point after {options.hold_ms:g} ms": late,
            "a mode grows at the fixed point": self.growing,
            "an eigenvalue did not converge": unsolved,
        }
        return [f"left out, {count} of {total} images: {why}" for why, count in said.items() if count]


def _mean(values: Array, seed: int) -> Measured:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Measured(np.nan, None, 0)
    return bootstrap(lambda w: mean_of_finite(w, finite), len(finite), seed)


def _course(settling: Settling) -> Rows:
    """Mean distance of each area from its fixed point over time, over images that have one."""
    rows: Rows = []
    for area, distance in settling.distance.items():
        known = np.isfinite(distance).all(0)
        if known.any():
            curve = distance[:, known].mean(1)
            rows += [{"area": area, "time_ms": ms, "distance": d} for ms, d in zip(settling.times, curve, strict=True)]
    return rows
