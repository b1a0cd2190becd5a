"""SQL of people one need not trust, each query in a process of its own that can do no harm.

`runner.py` is the side of the caller, `nursery.py` the process that forks one child a query,
`confine.py` and `syscalls.py` what such a child gives up before it sees the query. What it then
does is engines/duckdb/caged.py and gate.py. Why so: docs/decisions/024-sandbox.md.
"""
