"""Commands that measure a recording by an experiment: models scored on it, and classes decoded from it."""

import json
from collections.abc import Sequence
from pathlib import Path

from cordsnet.cli.early import given
from cordsnet.cli.experiments import run_words

PICTURES = ("--pictures", "images of the recording", "pictures")
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


def between(words: Sequence[str]) -> None:
    """Compare models with animals, and animals with one another: MODEL... --recording A --recording B --pictures P."""
    if not {"-h", "--help"} & set(words):
        for option, of, what in (("--recording", "recordings, each an animal", "recordings"), PICTURES):
            check_there(words, option, of, what)
    several = gathered(gathered(words, "--recording"), "--pictures")
    run_words("neural between", "neural_between", models_first(several))


def gathered(words: Sequence[str], option: str) -> list[str]:
    """The words with all values of an option that is given several times as one list."""
    values, others = list[str](), list[str]()
    awaited = False
    for word in words:
        flag, equals, value = word.partition("=")
        if awaited or (flag == option and equals):
            values.append(word if awaited else value)
        elif flag != option:
            others.append(word)
        awaited = not awaited and flag == option and not equals
    return [*others, f"{option}={json.dumps(values)}"] if values else others


def decode(words: Sequence[str]) -> None:
    """Decode the class of images in each time bin and write a page: FILE (experiment neural_decoding)."""
    run_words("neural decode FILE", "neural_decoding", with_file("decode", words))


def values_given(words: Sequence[str], option: str) -> list[str]:
    """All values of an option, each written as `--option value` or `--option=value`."""
    found = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return found + [words[k + 1] for k, word in enumerate(words[:-1]) if word == option]


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
    check_there(words, *PICTURES)


def check_there(words: Sequence[str], option: str, of: str, what: str) -> None:
    """Raise ValueError unless an option is given, and each of its values names a file or folder that exists."""
    takes = "file or folder" if what == "recordings" else "folder or ZIP archive"
    places = values_given(words, option)
    if not places:
        raise ValueError(f"{option} must be given: the {takes} of the {of}")
    for place in places:
        if not Path(place).expanduser().exists():
            raise ValueError(f"there are no {what} at {place!r}; {option} takes a {takes}")


def models_first(words: Sequence[str]) -> list[str]:
    """The words with those that are no option, nor the value of one, before all others."""
    models, others = list[str](), list[str]()
    awaited = False
    for word in words:
        is_option = not awaited and word.startswith("-")
        (others if is_option or awaited else models).append(word)
        awaited = is_option and "=" not in word and word not in FLAGS
    return [*models, *others]
