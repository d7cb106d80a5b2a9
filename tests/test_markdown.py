"""Words of users in tables stay words."""

import pytest

from cordsnet.report import Table, markdown


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("<script>x</script>", "&lt;script>x&lt;/script>"),
        ("a|b", "a\\|b"),
        ("two\nlines", "two lines"),
        ("[x](http://y)", "\\[x](http://y)"),
        ("`code`", "\\`code\\`"),
        ("a & b", "a &amp; b"),
        ("0.9 [0.8, 0.95]", "0.9 [0.8, 0.95]"),
        ("plain_name", "plain_name"),
    ],
)
def test_cells_of_a_markdown_table_are_escaped(cell, shown):
    assert markdown(Table(("head",), [(cell,)])) == f"| head |\n| --- |\n| {shown} |\n"
