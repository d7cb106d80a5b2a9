"""The table of the second image."""

from cordsnet.experiments import Result
from cordsnet.report.page import Section, Table, percent


def summary(result: Result) -> Table:
    """Accuracy on both images, with and without a blank between them."""
    rows = [
        (
            str(row["model"]),
            f"{float(row['gap_ms']):g}",
            percent(float(row["first"])),
            percent(float(row["second"])),
            f"{100 * float(row['drop']):.1f}",
            str(row["images"]),
        )
        for row in result.rows("second_image")
    ]
    return Table(("model", "blank (ms)", "first image", "second image", "points lost", "images"), rows)


def sections(result: Result) -> list[Section]:
    """The table."""
    text = "Each image is read as long after its onset as it was trained; the second is of another class."
    return [Section("A second image", text, tables=(summary(result),))]
