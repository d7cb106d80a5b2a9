"""Figures and reports; importing them fills the table of experiments."""

from cordsnet.report.ablations import write_ablation_report
from cordsnet.report.demo import write_demo_report
from cordsnet.report.inverse_init import write_inverse_init
from cordsnet.report.page import Section, Table, write_page
from cordsnet.report.table1 import write_table1

__all__ = [
    "Section",
    "Table",
    "write_ablation_report",
    "write_demo_report",
    "write_inverse_init",
    "write_page",
    "write_table1",
]
