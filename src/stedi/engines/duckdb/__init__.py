"""The embedded engine: DuckDB on the machine the lake is on. The only user of duckdb.

Nothing is imported here: the processes of the sandbox do without the lake.
"""
