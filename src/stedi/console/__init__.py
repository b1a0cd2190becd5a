"""The lake to look at: `stedi serve`, and `stedi report`, the same as one HTML file.

server.py       listens, on this machine unless told otherwise
app.py          the routes, and who may take which
guard.py        what every request has to pass: host, origin, size, pace; what every answer carries
tokens.py       who may sign in, kept by hash; sessions.py, who has
board.py        the lake at a glance, made anew when it changed; flow.py, its picture
asking.py       queries of a session, saved ones shared; results.py, their rows, kept a while
preview.py      first rows of a table, sorted and filtered; columns.py, lineage as a role sees it
cells.py        values as pages and files show them; charts.py, rows over time as SVG
access.py       who may see what, as a matrix; forgetting.py, the one forgetting at work
report.py       the same as one HTML file
views/          a page a module, pages/ their templates, static/ their style and scripts

A face, no logic of its own. Only the command line opens it. What each role sees follows from
zones/roles.yaml. Why it is built so: docs/decisions/025-console.md.
"""
