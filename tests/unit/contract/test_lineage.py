"""Identifying values are found wherever they flow, and the shipped zones let none through."""

from dataclasses import replace

import pytest

from stedi.contract import Column, Table, load_tables
from stedi.contract.lineage import (
    COMPUTED,
    COPIED,
    HASHED,
    Edge,
    identifying_paths,
    table_edges,
    trace,
    trace_rows,
    undeclared_pii,
    upstream,
)
from stedi.errors import ContractError, UsageError

KEYED = "sha2(unhex(:outer_pad) || unhex(sha2(unhex(:inner_pad) || encode({}, 'UTF-8'), 256)), 256)"


def shared(sql: str, *names: str, identifying: str = "never") -> Table:
    """A table that forbids identifying columns, made by that query."""
    return Table(
        zone="curated",
        name="shared",
        description="Planted.",
        grain="one planted row",
        columns=tuple(
            Column(name=name, type="string", description=name) for name in names or ("who",)
        ),
        identifying=identifying,
        query=sql,
    )


def leaks(sql: str, *names: str) -> list[str]:
    """The paths that the proof finds into the planted table."""
    table = shared(sql, *names)
    return [str(path) for path in identifying_paths(load_tables() | {"shared": table}, table)]


def of_customers(expression: str) -> list[str]:
    return leaks(f"SELECT {expression} AS who, 'no' AS excluded FROM customers_curated AS c")


@pytest.mark.parametrize(
    "expression",
    [
        "c.email",
        "(c.email)",
        "lower(trim(c.email))",
        "sha2(c.email, 256)",
        "sha2(encode(lower(trim(c.email)), 'UTF-8'), 256)",
        KEYED.replace(":outer_pad", "'3636'").replace(":inner_pad", "'5c5c'").format("c.email"),
        KEYED.replace(":outer_pad", "'3636'").format("c.email"),
        KEYED.replace(":inner_pad", "'5c5c'").format("c.email"),
        KEYED.replace(":inner_pad", ":outer_pad").format("c.email"),
        "sha2(unhex(:outer_pad) || encode(c.email, 'UTF-8'), 256)",
        "sha2(unhex(sha2(unhex(:inner_pad) || encode(c.email, 'UTF-8'), 256)), 256)",
        "sha2(encode(c.email, 'UTF-8') || unhex(:outer_pad), 256)",
        f"{KEYED.format('c.serialnumber')} || c.email",
        f"coalesce({KEYED.format('c.serialnumber')}, c.email)",
        "CASE WHEN c.phone = '1' THEN c.email END",
        "CASE WHEN c.email = 'eve@test.com' THEN 1 ELSE 0 END",
        "CASE c.email WHEN 'eve@test.com' THEN 1 END",
        "CASE WHEN c.registrationdate IS NULL THEN 'x' ELSE c.email END",
        "if(c.email IS NULL, 1, 0)",
        "'mailto:' || c.email",
        "concat('mailto:', c.email)",
        "min(c.email)",
        "max(lower(c.email))",
        "count(DISTINCT c.email)",
        "max(c.registrationdate) FILTER (WHERE c.email = 'eve@test.com')",
        "first_value(c.email) OVER (ORDER BY c.registrationdate)",
        "max(c.email) OVER (PARTITION BY c.registrationdate ORDER BY c.registrationdate)",
        "rank() OVER (ORDER BY c.email)",
        "rank() OVER (PARTITION BY c.email ORDER BY c.registrationdate)",
        "(SELECT max(d.email) FROM customers_curated AS d)",
        "(SELECT max(d.x) FROM accelerometer_trusted AS d WHERE d.`user` = c.email)",
        "(SELECT max(d.x) FROM accelerometer_trusted AS d "
        "JOIN customers_curated AS e ON e.email = d.`user`)",
        "EXISTS (SELECT 1 FROM accelerometer_trusted AS d WHERE d.`user` = c.email)",
        "c.email IN ('eve@test.com')",
        "1 IN (SELECT d.email FROM customers_curated AS d)",
        "(SELECT 1 AS x UNION ALL SELECT d.email FROM customers_curated AS d)",
        "named_struct('e', c.email)",
        "transform(array(c.email), x -> 1)",
        "collect_list(c.email)",
    ],
)
def test_identifying_values_in_an_expression_are_found(expression: str) -> None:
    found = of_customers(expression)

    assert found
    assert any("customer_landing.email --copied--> " in path for path in found)
    assert all(path.endswith("--> shared.who") for path in found)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (SELECT email FROM customers_curated) SELECT email AS who FROM a",
        "WITH a (e) AS (SELECT email FROM customers_curated) SELECT e AS who FROM a",
        "WITH a AS (SELECT email FROM customers_curated), b AS (SELECT email AS e FROM a) "
        "SELECT b.e AS who FROM b",
        "WITH customers_curated AS (SELECT email AS phone FROM customers_curated) "
        "SELECT phone AS who FROM customers_curated",
        "SELECT s.e AS who FROM (SELECT email AS e FROM customers_curated) AS s",
        "SELECT s.e AS who FROM (SELECT email FROM customers_curated) AS s (e)",
        "SELECT s.* FROM (SELECT email AS who FROM customers_curated) AS s",
        "SELECT * FROM (SELECT email AS who FROM customers_curated)",
        "SELECT who FROM (SELECT 'x' AS who UNION ALL SELECT email FROM customers_curated)",
        "WITH a (e) AS (SELECT 'x' AS k UNION SELECT email FROM customers_curated) "
        "SELECT e AS who FROM a",
        "SELECT 'x' AS who UNION ALL SELECT email FROM customers_curated",
        "SELECT 'x' AS who UNION ALL (SELECT 'y' UNION ALL SELECT email FROM customers_curated)",
        "SELECT email AS who FROM customers_curated INTERSECT SELECT 'eve@test.com'",
        "SELECT EMAIL AS Who FROM CUSTOMERS_CURATED",
        "SELECT email AS who, email AS e2 FROM customers_curated",
        "SELECT email AS e, e AS who FROM customers_curated",
        "SELECT 'x' AS who, email AS who FROM customers_curated",
        "SELECT rank() OVER w AS who FROM customers_curated WINDOW w AS (ORDER BY email)",
        "SELECT s.e AS who "
        "FROM (SELECT rank() OVER (ORDER BY email) AS e FROM customers_curated) AS s",
        "SELECT email AS who FROM customers_curated JOIN customer_trusted USING (email)",
        "WITH r AS (SELECT 1 AS email) "
        "SELECT (SELECT max(r.email) FROM quarantine) AS who FROM customers_curated AS r",
        "SELECT a.x AS y, c.email AS who FROM accelerometer_trusted AS a "
        "JOIN customers_curated AS c ON true",
    ],
)
def test_identifying_values_are_found_through_every_kind_of_query(sql: str) -> None:
    found = leaks(sql)

    assert found
    assert all(path.startswith("customer_landing.email --copied--> ") for path in found)


def test_indirect_identifiers_and_every_path_are_found() -> None:
    assert of_customers("c.birthday || c.serialnumber") == [
        "customer_landing.birthday --copied--> customer_trusted.birthday --copied--> "
        "customers_curated.birthday --computed--> shared.who",
        "customer_landing.serialnumber --copied--> customer_trusted.serialnumber --copied--> "
        "customers_curated.serialnumber --computed--> shared.who",
    ]


def test_the_raw_line_in_quarantine_is_found() -> None:
    assert leaks("SELECT text AS who FROM quarantine") == ["quarantine.text --copied--> shared.who"]


def test_a_column_between_that_was_declared_harmless_hides_nothing() -> None:
    middle = replace(
        shared("SELECT email AS who FROM customer_landing", identifying="allowed"), name="middle"
    )
    table = shared("SELECT who FROM middle")
    tables = load_tables() | {"middle": middle, "shared": table}

    assert [str(path) for path in identifying_paths(tables, table)] == [
        "customer_landing.email --copied--> middle.who --copied--> shared.who"
    ]


def test_a_column_between_that_was_declared_identifying_counts_by_itself() -> None:
    who = Column(name="who", type="string", description="A nickname.", pii="direct")
    middle = replace(
        shared("SELECT _source_file AS who FROM customer_landing", identifying="allowed"),
        name="middle",
        columns=(who,),
    )
    table = shared("SELECT who FROM middle")
    tables = load_tables() | {"middle": middle, "shared": table}

    assert len(identifying_paths(tables, table)) == 1


def test_a_declaration_of_its_own_is_no_path() -> None:
    who = Column(name="who", type="string", description="Who.", pii="direct")
    table = replace(shared("SELECT 'x' AS who FROM customer_landing"), columns=(who,))

    assert identifying_paths(load_tables() | {"shared": table}, table) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT v.e AS who FROM customers_curated LATERAL VIEW explode(array(email)) v AS e",
        "SELECT t.e AS who FROM customers_curated, UNNEST(array(email)) AS t (e)",
        "SELECT t.e AS who FROM VALUES ('eve@test.com') AS t (e)",
        "SELECT who FROM customers_curated PIVOT (max(email) FOR phone IN ('1' AS who))",
        "WITH RECURSIVE r AS (SELECT email AS who FROM customers_curated UNION ALL "
        "SELECT who FROM r) SELECT who FROM r",
        "SELECT 'x' AS who UNION ALL BY NAME SELECT email AS who FROM customers_curated",
        "SELECT IDENTIFIER('email') AS who FROM customers_curated",
        "SELECT c.registrationdate AS who FROM IDENTIFIER('customers_curated') AS c",
        "SELECT no_such_function(1) AS who FROM customers_curated",
        "SELECT ${who} AS who FROM customers_curated",
        "SELECT s.who FROM customers_curated AS c, LATERAL (SELECT c.email AS who) AS s",
        "SELECT TRANSFORM (email) USING 'cat' AS (who) FROM customers_curated",
        "SELECT struct(c.*) AS who FROM customers_curated AS c",
        "SELECT c AS who FROM customers_curated AS c",
        "SELECT nope AS who FROM customers_curated",
        "SELECT c.nope AS who FROM customers_curated AS c",
        "SELECT c.email AS who FROM customers AS c",
        "SELECT c.email AS who FROM trusted.customers_curated AS c",
        "SELECT email AS who FROM customers_curated AS c JOIN customer_trusted AS d ON true",
        "SELECT who FROM range(10) AS t (who)",
        "SELECT email AS other FROM customers_curated",
        "DROP TABLE customers_curated",
        "SELECT (",
    ],
)
def test_a_query_that_cannot_be_traced_for_certain_is_refused(sql: str) -> None:
    with pytest.raises(ContractError, match=r"^zones/curated/shared/query\.sql: "):
        leaks(sql)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {KEYED.format('lower(trim(email))')} AS who FROM customers_curated",
        f"SELECT ({KEYED.format('(email)')}) AS who FROM customers_curated",
        f"SELECT lower({KEYED.format('email')}) AS who FROM customers_curated",
        f"SELECT {KEYED.format(KEYED.format('email'))} AS who FROM customers_curated",
        f"WITH p AS (SELECT email, {KEYED.format('email')} AS h FROM customers_curated) "
        "SELECT h AS who FROM p",
        f"WITH p AS (SELECT lower(email) AS e FROM customers_curated) "
        f"SELECT {KEYED.format('e')} AS who FROM p",
        "SELECT a.x AS who FROM accelerometer_trusted AS a JOIN customers_curated AS c "
        "ON c.email = a.`user` WHERE c.phone = '1' GROUP BY a.x, c.email HAVING max(c.email) = ''",
        "SELECT count(*) AS who FROM customers_curated GROUP BY email",
        "SELECT DISTINCT registrationdate AS who FROM customers_curated",
        "SELECT 'x' AS who, CASE WHEN email = '' THEN email END AS excluded FROM customers_curated",
        "SELECT (SELECT count(*) FROM customers_curated) AS who",
    ],
)
def test_the_keyed_hash_join_keys_conditions_and_the_verdict_are_no_leak(sql: str) -> None:
    assert leaks(sql) == []


def test_a_verdict_that_becomes_a_value_is_found() -> None:
    sql = "SELECT v.excluded AS who FROM (SELECT email AS excluded FROM customers_curated) AS v"

    assert leaks(sql)


def test_a_table_that_allows_identifying_columns_has_nothing_to_prove() -> None:
    tables = load_tables()

    assert identifying_paths(tables, tables["customers_curated"]) == []


def test_nothing_identifying_reaches_a_shipped_table_that_forbids_it() -> None:
    tables = load_tables()
    never = [table for table in tables.values() if table.identifying == "never"]

    assert [table.name for table in never] == ["machine_learning_curated"]
    assert [identifying_paths(tables, table) for table in never] == [[]]


def test_without_the_key_the_shipped_query_would_be_refused() -> None:
    tables = load_tables()
    table = tables["machine_learning_curated"]
    faulty = replace(table, query=table.query.replace("unhex(:outer_pad)\n", "unhex('36')\n"))

    assert faulty.query != table.query
    assert [str(path) for path in identifying_paths(tables | {table.name: faulty}, faulty)] == [
        "customer_landing.email --copied--> customer_trusted.email --copied--> "
        "customers_curated.email --computed--> machine_learning_curated.subject_id"
    ]


def undeclared(table: Table) -> list[str]:
    return undeclared_pii(load_tables() | {table.name: table})


@pytest.mark.parametrize(
    ("expression", "pii", "wanted"),
    [
        ("email", "none", "direct"),
        ("email", "indirect", "direct"),
        ("lower(email)", "none", "direct"),
        ("birthday", "none", "indirect"),
        ("birthday || email", "none", "direct"),
        ("sha2(email, 256)", "none", "direct"),
    ],
)
def test_a_column_declared_less_identifying_than_its_sources_is_found(
    expression: str, pii: str, wanted: str
) -> None:
    column = Column(name="who", type="string", description="Who.", pii=pii)
    table = shared(f"SELECT {expression} AS who FROM customer_landing", identifying="allowed")
    (found,) = undeclared(replace(table, columns=(column,)))

    assert found.startswith(f"zones/curated/shared/table.yaml: column who is pii: {pii}, but ")
    assert found.endswith(f"declare pii: {wanted}")


@pytest.mark.parametrize(
    ("expression", "pii"),
    [
        ("email", "direct"),
        ("birthday", "indirect"),
        ("birthday", "direct"),
        ("_source_file", "none"),
    ],
)
def test_a_column_declared_as_its_sources_or_more_strictly_is_fine(
    expression: str, pii: str
) -> None:
    column = Column(name="who", type="string", description="Who.", pii=pii)
    table = shared(f"SELECT {expression} AS who FROM customer_landing", identifying="allowed")

    assert undeclared(replace(table, columns=(column,))) == []


def test_a_pseudonym_need_not_be_declared() -> None:
    table = shared(f"SELECT {KEYED.format('email')} AS who FROM customer_landing")

    assert undeclared(table) == []


def test_the_shipped_zones_declare_every_personal_column() -> None:
    assert undeclared_pii(load_tables()) == []


def test_a_declaration_taken_from_the_shipped_zones_is_missed() -> None:
    table = load_tables()["accelerometer_trusted"]
    columns = tuple(replace(column, pii="none") for column in table.columns)
    (found,) = undeclared(replace(table, columns=columns))

    assert "column user is pii: none, but its values come from accelerometer_landing.user" in found


@pytest.mark.parametrize(
    "column", ["subject_id", "nowhere.email", "", "landing.customer_trusted.x"]
)
def test_tracing_what_is_not_a_column_names_the_tables(column: str) -> None:
    with pytest.raises(UsageError, match="the tables are accelerometer_landing, customer_landing"):
        trace(load_tables(), column)


def test_tracing_a_column_that_is_not_there_names_the_columns() -> None:
    with pytest.raises(UsageError, match="has no column 'email'; it has subject_id, timestamp"):
        trace(load_tables(), "machine_learning_curated.email")
    with pytest.raises(UsageError, match="has no column 'nope'"):
        upstream(load_tables()["customer_trusted"], "nope")


def test_columns_that_come_from_each_other_are_refused() -> None:
    table = shared("SELECT who FROM shared")

    with pytest.raises(ContractError, match="circle"):
        trace(load_tables() | {"shared": table}, "shared.who")


def test_the_pseudonym_is_traced_to_the_delivered_address() -> None:
    node = trace(load_tables(), "curated.machine_learning_curated.subject_id")
    steps = []
    while True:
        steps.append((node.name, node.pii, node.flow))
        if not node.sources:
            break
        (node,) = node.sources

    assert steps == [
        ("machine_learning_curated.subject_id", "none", ""),
        ("customers_curated.email", "direct", HASHED),
        ("customer_trusted.email", "direct", COPIED),
        ("customer_landing.email", "direct", COPIED),
    ]


def test_the_rows_of_a_trace_are_its_tree_from_the_column_down() -> None:
    rows = list(trace_rows(load_tables(), "machine_learning_curated.distancefromobject"))

    assert [(row["depth"], row["column"], row["flow"]) for row in rows] == [
        (0, "machine_learning_curated.distancefromobject", ""),
        (1, "step_trainer_trusted.distancefromobject", COMPUTED),
        (2, "step_trainer_landing.distancefromobject", COPIED),
    ]


@pytest.mark.parametrize(
    ("column", "edges"),
    [
        ("email", [Edge("customer_landing", "email", COPIED)]),
        (
            "sharewithresearchasofdate",
            [Edge("customer_landing", "sharewithresearchasofdate", COMPUTED)],
        ),
    ],
)
def test_the_immediate_sources_of_a_column(column: str, edges: list[Edge]) -> None:
    assert upstream(load_tables()["customer_trusted"], column) == edges


def test_a_landing_column_comes_from_no_table() -> None:
    assert upstream(load_tables()["customer_landing"], "email") == []


@pytest.mark.parametrize("name", [t.name for t in load_tables().values() if t.query])
def test_every_shipped_column_is_traced_to_landing_columns(name: str) -> None:
    tables = load_tables()

    def leaves(column: str) -> set[str]:
        node = trace(tables, column)
        return set().union(*(leaves(source.name) for source in node.sources)) or {node.name}

    for column in tables[name].columns:
        found = leaves(f"{name}.{column.name}")
        assert {tables[leaf.partition(".")[0]].zone for leaf in found} == {"landing"}


def test_the_tables_that_each_table_reads() -> None:
    edges = table_edges(load_tables())

    assert [source for source, table in edges if table == "step_trainer_trusted"] == [
        "customer_landing",
        "customer_trusted",
        "customers_curated",
        "step_trainer_landing",
    ]
    assert not [source for source, table in edges if table.endswith("_landing")]
