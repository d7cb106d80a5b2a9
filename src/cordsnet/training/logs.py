"""Reading back what was logged during training."""

import csv
from pathlib import Path


def read_curve(stage: str | Path, name: str) -> tuple[list[int], list[float]]:
    """Updates and values of one logged number of a stage; a resumed stage's attempts are joined, later ones prevailing.

    Raises ValueError when nothing was logged under that name.
    """
    values: dict[int, float] = {}
    for path in sorted(Path(stage).glob("logs_*/metrics.csv"), key=lambda p: int(p.parent.name.split("_")[1])):
        with open(path, newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get(name)]
        values |= {int(row["step"]): float(row[name]) for row in rows}
    if not values:
        raise ValueError(f"nothing named {name!r} was logged in {stage}")
    steps = sorted(values)
    return steps, [values[step] for step in steps]
