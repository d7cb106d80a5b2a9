"""Commands that measure a recording by an experiment: models scored on it, and classes decoded from it."""

from collections.abc import Sequence
from pathlib import Path

from cordsnet.cli.early import given
from cordsnet.cli.experiments import run_words

FLAGS = ("--quiet", "--json", "--help", "-h")
"""Options without a value."""


def score(words: Sequence[str]) -> None:
    """Score models on a recording and write a page: FILE --pictures FOLDER MODEL... (experiment neural_scores)."""
    found = with_file("score", words)
    if not {"-h", "--help"} & set(words):
        check_pictures(found)
    run_words("neural score FILE", "neural_scores", models_first(found))


def straighten(words: Sequence[str]) -> None:
    """Measure curvature of movies in pixels, models and neurons: MODEL... --frames FOLDER [--recording FILE]."""
    if not {"-h", "--help"} & set(words):
        check_there(words, "--frames", "natural frames, as MOVIE/groundtruth1 and so on", "frames")
        if given(words, "--recording"):
            check_there(words, "--recording", "recording of the movies", "recordings")
    run_words("neural straighten", "neural_straightening", models_first(words))


def decode(words: Sequence[str]) -> None:
    """Decode the class of images in each time bin and write a page: FILE (experiment neural_decoding)."""
    run_words("neural decode FILE", "neural_decoding", with_file("decode", words))


def with_file(command: str, words: Sequence[str]) -> list[str]:
    """The words with the file that comes first as the option --recording.

    Raises ValueError where there is none, where it is given twice, or where it does not exist.
    """
    if {"-h", "--help"} & set(words):
        return ["--help"]
    if not words or words[0].startswith("-"):
        raise ValueError(f"neural {command} needs the file of a recording first")
    if given(words, "--recording") is not None:
        raise ValueError(f"the recording is given twice, as {words[0]!r} and with --recording; leave one out")
    if not Path(words[0]).expanduser().exists():
        raise ValueError(f"there is no recording {words[0]!r}; check the path")
    return ["--recording", words[0], *words[1:]]


def check_pictures(words: Sequence[str]) -> None:
    """Raise ValueError unless --pictures names something that exists."""
    check_there(words, "--pictures", "images of the recording", "pictures")


def check_there(words: Sequence[str], option: str, of: str, what: str) -> None:
    """Raise ValueError unless an option names a file or folder that exists."""
    folder = given(words, option)
    if folder is None:
        raise ValueError(f"{option} must be given: the folder or ZIP archive of the {of}")
    if not Path(folder).expanduser().exists():
        takes = "a file or a folder" if what == "recordings" else "a folder or a ZIP archive"
        raise ValueError(f"there are no {what} at {folder!r}; {option} takes {takes}")


def models_first(words: Sequence[str]) -> list[str]:
    """The words with those that are no option, nor the value of one, before all others."""
    models, others = list[str](), list[str]()
    awaited = False
    for word in words:
        is_option = not awaited and word.startswith("-")
        (others if is_option or awaited else models).append(word)
        awaited = is_option and "=" not in word and word not in FLAGS
    return [*models, *others]
