"""The command `cordsnet tasks play`: a trained network does a task in closed loop."""

from collections.abc import Sequence

from cordsnet.cli.options import add_json, make_parser, print_json
from cordsnet.cli.subjects import CHECKPOINT, add_task, subject, task_first


def play_task(words: Sequence[str]) -> None:
    """Reward, accuracy and aborted trials of a network that answers frame by frame."""
    name = task_first("play", words)
    parser = make_parser(f"tasks play {name}", "Let a trained network play episodes of a task, frame by frame.")
    parser.add_argument("checkpoint", type=str, help=CHECKPOINT)
    parser.add_argument("--episodes", type=int, default=100, help="number of episodes")
    parser.add_argument("--seed", type=int, default=0, help="of the trials, and of noise in the network")
    add_json(parser)
    add_task(parser, name)
    options, model, task, notes = subject(name, words, parser)
    from cordsnet.tasks import TaskEnvironment, play, play_rows

    played = play(model, TaskEnvironment(task, options.seed), options.episodes, options.seed)
    rows = play_rows(played, task.frame_ms)
    if options.json:
        episodes = [{key: value for key, value in one.items() if key != "outputs"} for one in played]
        print_json({"task": {"name": name, **task.to_dict()}, "notes": notes, "rows": rows, "episodes": episodes})
        return
    for note in notes:
        print(f"note: {note}")
    for row in rows:
        scale, unit = (100, " %") if row["measure"].startswith("share") else (1, "")
        digits = 3 if row["measure"] == "reward" else 1
        low, high = row["low"], row["high"]
        said = (
            "no interval: all are the same" if low is None else f"{scale * low:.{digits}f} to {scale * high:.{digits}f}"
        )
        print(f"{row['measure']:<32}{scale * row['value']:>8.{digits}f}{unit:<2}  ({said}), {row['episodes']} episodes")
