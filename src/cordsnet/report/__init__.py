"""Figures and reports."""

from cordsnet.report.demo import write_demo_report
from cordsnet.report.page import Section, Table, write_page

__all__ = ["Section", "Table", "write_demo_report", "write_page"]
