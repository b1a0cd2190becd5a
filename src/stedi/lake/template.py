"""The stedi.toml of a new lake."""

from __future__ import annotations

from stedi.lake.policy import FORMAT

_TOML = """\
# The policy of this lake. Changes take effect at the next `stedi run`.

# Version of the lake's layout; not for editing.
format = {format}

# Readings of people who consent to research: "since" keeps those taken at or after
# their consent, "any" keeps all.
consent = "{consent}"

# Memory the embedded engine may use.
memory = "1200MB"

# What knows each table's current version: "sqlite", a file of the lake; "rest" or "glue", a
# catalog that other programs share. To be chosen before the first run: docs/catalogs.md.
{catalog}
# The tables of a zone may lie elsewhere than below the lake, each zone in a bucket of its own.
# To be chosen before the first run: docs/aws.md.
# [zones]
# curated = "s3://another-bucket/curated"

# Tables of readings lie by day. Where one day is more than one machine should handle, let each
# day lie in so many buckets of people; the number can be raised later: docs/scale.md.
# [layout]
# buckets = 16

# Which versions of a table are kept beside the current one; --as-of reads them, and they hold
# rows that a withdrawn consent took out since. Each commit lets go of those with keep_snapshots
# newer ones (20 at least), `stedi maintain` of those more than keep_days old; it also removes
# their files.
[maintain]
keep_days = 7
keep_snapshots = 24

# How often `stedi watch` calls it: "30 minutes", "6 hours", "1 day", or "never".
# It comes earlier when many small files or versions have gathered.
every = "1 day"
"""

_LEFT_OPEN = '# [catalog]\n# type = "sqlite"\n'


def template(consent: str, catalog: str = "") -> str:
    """The stedi.toml of a new lake; `catalog` is its kind, if not the default."""
    section = f'[catalog]\ntype = "{catalog}"\n' if catalog else _LEFT_OPEN
    return _TOML.format(format=FORMAT, consent=consent, catalog=section)
