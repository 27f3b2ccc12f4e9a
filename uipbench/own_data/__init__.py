"""A user's own reference data: one table and one structure file a case."""

from uipbench.own_data.compiled import OwnData, open_own_data, unfinished
from uipbench.own_data.table import TABLE_NAME, OwnCase, read_table

__all__ = ["TABLE_NAME", "OwnCase", "OwnData", "open_own_data", "read_table", "unfinished"]
