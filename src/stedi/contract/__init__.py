"""What a table promises: its contract, its verdict query, where its columns come from."""

from stedi.contract.table import (
    ZONES,
    Check,
    Column,
    Person,
    Table,
    find_table,
    load_tables,
    refresh_order,
)

__all__ = [
    "ZONES",
    "Check",
    "Column",
    "Person",
    "Table",
    "find_table",
    "load_tables",
    "refresh_order",
]
