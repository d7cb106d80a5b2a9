"""The report of `cordsnet analyze`: one page with every table and figure, and its numbers beside it."""

from cordsnet.report.portrait.page import write_portrait

__all__ = ["write_portrait"]
