"""The embedded engine: DuckDB on the machine the lake is on. The only user of duckdb."""

from stedi.engines.duckdb.engine import DuckDBEngine

__all__ = ["DuckDBEngine"]
