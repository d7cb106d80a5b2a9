"""Results as files, figures and pages; the figures of an experiment are imported when its result is written."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.report.page import Section, Table, markdown, write_page
    from cordsnet.report.printed import measured
    from cordsnet.report.writer import claims_table, summary_of, write_result

__all__ = ["Section", "Table", "claims_table", "markdown", "measured", "summary_of", "write_page", "write_result"]

import_on_demand(__name__)
