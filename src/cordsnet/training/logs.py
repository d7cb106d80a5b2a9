"""Read the values that were logged during training."""

import csv
from pathlib import Path


def read_curve(stage: str | Path, name: str) -> tuple[list[int], list[float]]:
    """Read one logged quantity of a stage.

    Parameters
    ----------
    stage : folder of the stage.
    name : name of the quantity, such as "loss".

    Returns
    -------
    Numbers of the updates, and the value at each. When a stage was resumed, the logs of its attempts are merged, and
    later attempts take precedence.

    Raises
    ------
    ValueError : nothing was logged under that name.
    """
    values: dict[int, float] = {}
    for path in sorted(Path(stage).glob("logs_*/metrics.csv"), key=lambda p: int(p.parent.name.split("_")[1])):
        with open(path, newline="") as stream:
            lines = [line for line in stream if line.endswith("\n")]  # without a last line that was cut off
        rows = [row for row in csv.DictReader(lines) if row.get(name)]
        values |= {int(row["step"]): float(row[name]) for row in rows}
    if not values:
        raise ValueError(f"nothing named {name!r} was logged in {stage}")
    steps = sorted(values)
    return steps, [values[step] for step in steps]
