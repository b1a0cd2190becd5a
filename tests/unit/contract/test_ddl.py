"""The tables declared for other engines: each text is read by a parser of that engine's SQL."""

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from stedi.contract import Column, Table, load_tables
from stedi.contract.ddl import Places, ddl
from stedi.contract.table import TYPES
from stedi.errors import UsageError

DIALECTS = ("athena", "spark", "duckdb")
NASTY = 'It\'s "50 %"; a \\xNN -- no comment /* nor this */ `tick` $1 ü'


def awkward() -> dict[str, Table]:
    """One feed whose names are reserved words and whose texts need escaping."""
    names = ("user", "timestamp", "table", "order", "_source_file", "select")
    columns = tuple(
        Column(name=name, type=kind, description=NASTY, unit="m's", field=name.title())
        for name, kind in zip(
            names, ("string", "timestamp", "long", "int", "date", "double"), strict=True
        )
    )
    table = Table(
        zone="landing",
        name="group",
        description=NASTY,
        grain="one row",
        columns=columns,
        feed="odd",
        partition="day(timestamp)",
    )
    return {"group": table}


def statements(text: str, dialect: str) -> list[exp.Expr]:
    return [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]


def created(text: str, dialect: str) -> dict[str, exp.Create]:
    """CREATE TABLE trees by table name; a text that falls back to a mere command fails."""
    trees = statements(text, dialect)
    assert not [tree for tree in trees if isinstance(tree, exp.Command)]
    return {
        f"{tree.find(exp.Table).db}.{tree.find(exp.Table).name}": tree
        for tree in trees
        if isinstance(tree, exp.Create) and tree.kind == "TABLE"
    }


def columns_of(tree: exp.Create) -> Iterator[tuple[str, str]]:
    for column in tree.this.expressions:
        comment = column.find(exp.CommentColumnConstraint)
        yield column.name, comment.this.name if comment else ""


@pytest.mark.parametrize("dialect", ["", "trino", "Athena", "postgres"])
def test_another_dialect_is_refused_with_the_ones_there_are(dialect: str) -> None:
    with pytest.raises(UsageError, match="choose one of athena, spark, duckdb"):
        ddl(load_tables(), dialect)


def test_duckdb_takes_reserved_words_and_texts_that_need_escaping() -> None:
    with duckdb.connect() as connection:
        connection.execute(ddl(awkward(), "duckdb"))
        rows = connection.execute(
            "SELECT column_name, data_type, comment FROM duckdb_columns() "
            "WHERE schema_name = 'landing' AND table_name = 'group' ORDER BY column_index"
        ).fetchall()

    assert rows == [
        (name, kind, f"{NASTY} (unit: m's).")
        for name, kind in [
            ("user", "VARCHAR"),
            ("timestamp", "TIMESTAMP WITH TIME ZONE"),
            ("table", "BIGINT"),
            ("order", "INTEGER"),
            ("_source_file", "DATE"),
            ("select", "DOUBLE"),
        ]
    ]


@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_reserved_words_and_texts_that_need_escaping_come_back_as_they_were(dialect: str) -> None:
    tree = created(ddl(awkward(), dialect), dialect)["landing.group"]

    assert list(columns_of(tree)) == [
        (column.name, f"{NASTY} (unit: m's).") for column in awkward()["group"].columns
    ]


@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_a_location_cannot_end_its_literal(dialect: str) -> None:
    text = ddl(awkward(), dialect, Places("s3://it's/", "s3://it's/"))
    locations = [
        tree.find(exp.LocationProperty).this.name for tree in created(text, dialect).values()
    ]

    assert "s3://it's/warehouse/landing/group/" in locations
    assert dialect == "spark" or "s3://it's/odd/" in locations


@pytest.mark.parametrize(
    "places",
    [
        Places("/srv/lake"),
        Places(landing="file:///srv/landing"),
        Places(zones={"ops": "/srv/ops"}),
        Places(lake="s3n://old/lake"),
    ],
)
def test_athena_is_given_no_place_that_it_cannot_read(places: Places) -> None:
    with pytest.raises(UsageError, match="Athena reads S3 alone"):
        ddl(load_tables(), "athena", places)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_databases_carry_the_prefix_everywhere(dialect: str) -> None:
    text = ddl(load_tables(), dialect, Places(prefix="team_"))
    trees = statements(text, dialect)
    made = {
        tree.this.db or tree.this.name
        for tree in trees
        if isinstance(tree, exp.Create) and tree.kind != "TABLE"
    }
    named = {name.partition(".")[0] for name in created(text, dialect)}

    assert made == named == {f"team_{table.zone}" for table in load_tables().values()}


@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_a_zone_lies_where_the_lake_says(dialect: str) -> None:
    places = Places("s3://lake/", zones={"curated": "s3://shared/curated/"})
    text = ddl(load_tables(), dialect, places)

    for table in load_tables().values():
        folder = (
            "s3://shared/curated"
            if table.zone == "curated"
            else f"s3://lake/warehouse/{table.zone}"
        )
        assert f"LOCATION '{folder}/{table.name}/'" in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_contract_is_declared_with_every_column_in_order(dialect: str) -> None:
    tables = load_tables()
    found = created(ddl(tables, dialect), dialect)

    for table in tables.values():
        names = [name for name, _ in columns_of(found[table.full_name])]
        assert names == [column.name for column in table.columns]
    others = found.keys() - {table.full_name for table in tables.values()}
    feeds = {f"landing.{table.feed}_raw" for table in tables.values() if table.feed}
    assert others == (feeds if dialect == "athena" else set())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_type_of_a_contract_has_one_in_each_engine(dialect: str) -> None:
    table = load_tables()["customer_landing"]
    columns = tuple(Column(name=kind, type=kind, description=kind) for kind in TYPES)
    tables = {table.name: replace(table, columns=columns)}
    tree = created(ddl(tables, dialect), dialect)[table.full_name]

    kinds = [column.args["kind"].sql("duckdb") for column in tree.this.expressions]
    zoned = "TIMESTAMP" if dialect == "athena" else "TIMESTAMPTZ"
    assert kinds == ["TEXT", "BOOLEAN", "INT", "BIGINT", "DOUBLE", "DATE", zoned]


def test_duckdb_has_the_shipped_tables_with_their_comments() -> None:
    with duckdb.connect() as connection:
        connection.execute(ddl(load_tables(), "duckdb"))
        comments = dict(
            connection.execute(
                "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables()"
            ).fetchall()
        )

    assert comments == {table.full_name: table.description for table in load_tables().values()}


@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_tables_with_a_day_are_partitioned_by_it_and_the_others_are_not(dialect: str) -> None:
    function = {"athena": "day", "spark": "days"}[dialect]
    text = ddl(load_tables(), dialect)
    wanted = [t.day_column for t in load_tables().values() if t.day_column]

    assert wanted
    assert text.count("PARTITIONED BY") == len(wanted)
    for column in wanted:
        assert f"PARTITIONED BY ({function}(`{column}`))" in text


def test_athena_reads_the_feeds_as_delivered() -> None:
    text = ddl(load_tables(), "athena", Places(landing="s3://bucket/in/"))
    tree = created(text, "athena")["landing.customer_raw"]
    start = text.index("CREATE EXTERNAL TABLE IF NOT EXISTS `landing`.`customer_raw`")
    raw = text[start : text.index(";", text.index("LOCATION", start))]

    kinds = {c.name: c.args["kind"].sql("athena").lower() for c in tree.this.expressions}
    assert "_source_file" not in kinds
    assert "`birthday` string COMMENT" in raw
    assert kinds["lastupdatedate"] == "bigint"
    assert "`sharewithresearchasofdate` string COMMENT" in raw
    assert "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'" in raw
    assert "'ignore.malformed.json'='TRUE'" in raw
    assert "'case.insensitive'='FALSE'" in raw
    assert "'mapping.birthday'='birthDay'" in raw
    assert "mapping.email" not in raw
    assert raw.endswith("LOCATION 's3://bucket/in/customer/'")


def test_athena_tables_are_iceberg_and_say_that_their_time_is_utc() -> None:
    text = ddl(load_tables(), "athena", Places("s3://bucket/lake"))

    assert text.count("'table_type'='ICEBERG'") == len(load_tables())
    assert "LOCATION 's3://bucket/lake/warehouse/curated/machine_learning_curated/'" in text
    assert "every timestamp in them is UTC" in text
    assert "timestamptz" not in "".join(
        line for line in text.splitlines() if not line.startswith("--")
    )


def test_comments_fit_the_255_characters_of_the_glue_catalog() -> None:
    for tree in created(ddl(load_tables(), "athena"), "athena").values():
        assert all(0 < len(comment) <= 255 for _, comment in columns_of(tree))


def test_spark_keeps_identifying_values_out_of_the_metadata() -> None:
    tables = load_tables()
    text = ddl(tables, "spark")
    identifying = [c for t in tables.values() for c in t.columns if c.pii != "none"]

    assert text.count("USING iceberg") == len(tables)
    assert text.count("'write.metadata.metrics.column.") == len(identifying)
    assert "'write.metadata.metrics.column.email' = 'none'" in text
