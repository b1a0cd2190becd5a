"""The lake to look at: `stedi serve`, and `stedi report`, the same as one HTML file.

server.py       listens, on this machine unless told otherwise
app.py          the routes, and who may take which
guard.py        what every request has to pass: host, origin, size, pace; what every answer carries
tokens.py       who may sign in, kept by hash; sessions.py, who has
board.py        the lake at a glance, made anew when it changed; flow.py, its picture
results.py      the rows of queries, kept for as long as somebody looks
views/          a page a module, pages/ their templates, static/ their style and scripts

A face, no logic of its own. Only the command line opens it. What each role sees follows from
zones/roles.yaml. Why it is built so: docs/decisions/025-console.md.
"""
