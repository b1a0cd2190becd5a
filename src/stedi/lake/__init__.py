"""The Iceberg tables of a lake: catalog, files, snapshots. The only user of pyiceberg.

`stedi.lake.home` and `stedi.lake.model` load no Iceberg code; `stedi.lake.store` does.
"""
