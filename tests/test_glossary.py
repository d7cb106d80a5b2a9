"""The glossary: every word once, in alphabetical order, with a definition."""

import re
from pathlib import Path

GLOSSARY = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text()
WORDS = GLOSSARY.split("## Words\n")[1].split("\n## ")[0]


def test_words_are_in_alphabetical_order_and_defined_once():
    words = [word.lower() for word in re.findall(r"^- \*\*(.+?)\*\*", WORDS, re.MULTILINE)]
    assert len(words) > 50
    assert words == sorted(set(words))


def test_every_entry_is_a_definition():
    entries = re.split(r"^- ", WORDS.strip(), flags=re.MULTILINE)[1:]
    assert [
        entry for entry in entries if not re.match(r"\*\*[^*]+\*\*( \([^)]+\))?: \S.*\.$", entry.strip(), re.S)
    ] == []
