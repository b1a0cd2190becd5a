"""Each rule of the house finds the fault it is there for, and the shipped zones have none."""

from dataclasses import replace

import pytest
import sqlglot

from stedi.contract import Check, Column, Table, load_tables
from stedi.contract.rules import LATER_READS, check_rules, hashed_value, parse_query, sources_of
from stedi.errors import ContractError

KEYED = (
    "sha2(unhex(:outer_pad) || unhex(sha2(unhex(:inner_pad) || encode(lower(email), 'UTF-8'), "
    "256)), 256)"
)
GOOD = """
SELECT r.`user`, r.`timestamp`, r.x, r.y, r.z,
  CASE WHEN c.email IS NULL THEN 'unknown customer' END AS excluded
FROM accelerometer_landing AS r
LEFT JOIN customer_landing AS c ON c.email = r.`user`
"""


def planted(sql: str, name: str = "accelerometer_trusted", **changes: object) -> dict[str, Table]:
    """The shipped tables with another query for one of them."""
    tables = load_tables()
    return tables | {name: replace(tables[name], query=sql, **changes)}


def checked(sql: str, name: str = "accelerometer_trusted") -> list[str]:
    """What the rules say to a check with that SQL."""
    check = Check(name="planted", kind="none", sql=sql)
    tables = load_tables()
    return check_rules(tables | {name: replace(tables[name], checks=(check,))})


def broken(sql: str) -> list[str]:
    found = check_rules(planted(sql))
    assert all(text.startswith("zones/trusted/accelerometer_trusted/query.sql: ") for text in found)
    return found


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("", "holds nothing; write exactly one SELECT"),
        ("SELECT 1; SELECT 2", "holds SELECT, SELECT; write exactly one SELECT"),
        ("DROP TABLE accelerometer_landing", "holds DROP"),
        ("DELETE FROM accelerometer_landing", "holds DELETE"),
        ("INSERT INTO accelerometer_landing SELECT 1", "holds INSERT"),
        ("CREATE TABLE x AS SELECT 1", "holds CREATE"),
        ("SELEC x FROM y", "does not parse as Spark SQL"),
        (f"{GOOD} UNION ALL {GOOD}", "is a UNION; write exactly one SELECT"),
        (GOOD.replace("r.x", "*"), "selects *"),
        (GOOD.replace("r.x", "r.*"), "selects *"),
    ],
)
def test_anything_but_one_select_with_named_columns_is_found(sql: str, said: str) -> None:
    found = broken(sql) if sql else checked(" ")

    assert any(said in text for text in found), found


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("CAST(r.x AS INT)", "Cast"),
        ("r.x::int", "Cast"),
        ("try_cast(r.x AS int)", "TryCast"),
        ("r.x / r.y", "Div"),
        ("r.x div 2", "IntDiv"),
        ("r.x % 2", "Mod"),
        ("r.x + r.y", "Add"),
        ("date_trunc('day', r.`timestamp`)", "TimestampTrunc"),
        ("percentile(r.x, 0.5)", "Quantile"),
        ("CAST(r.x AS DECIMAL(5, 2))", "Cast"),
        ("round(r.x)", "Round"),
        ("avg(r.x)", "Avg"),
        ("sum(r.x)", "Sum"),
        ("row_number() OVER (ORDER BY r.x)", "RowNumber"),
        ("no_such_function(r.x)", "Anonymous"),
        ("current_timestamp()", "CurrentTimestamp"),
        ("rand()", "Rand"),
        ("r.`user` LIKE 'a%'", "Like"),
        ("explode(array(r.x))", "Explode"),
    ],
)
def test_what_engines_may_compute_differently_is_found(expression: str, kind: str) -> None:
    found = broken(GOOD.replace("r.x", f"{expression} AS x", 1))

    assert len(found) == 1, found
    assert f"({kind}) is not known to agree on Spark and DuckDB" in found[0]


def test_limit_is_found() -> None:
    assert any("(Limit)" in text for text in broken(f"{GOOD} LIMIT 10"))


@pytest.mark.parametrize(
    "over", ["()", "(PARTITION BY r.`user`)", "w", "(w)"], ids=["bare", "partition", "named", "in"]
)
def test_a_window_without_its_own_order_is_found(over: str) -> None:
    named = " WINDOW w AS (PARTITION BY r.y ORDER BY r.x)" if "w" in over else ""
    sql = GOOD.replace("r.x", f"rank() OVER {over} AS x", 1) + named

    assert any("has no ORDER BY of its own" in text for text in broken(sql))


def test_a_window_with_order_is_fine() -> None:
    assert not broken(GOOD.replace("r.x", "rank() OVER (PARTITION BY r.y ORDER BY r.z) AS x", 1))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("r.`user`, r.`timestamp`, r.x, r.y, r.z", "its last column is z"),
        ("NULL AS excluded, r.`user`, r.`timestamp`, r.x, r.y, r.z", "its last column is z"),
        ("r.`timestamp`, r.`user`, r.x, r.y, r.z, NULL AS excluded", "make them those of table"),
        ("r.`user`, r.`timestamp`, r.x, r.y, NULL AS excluded", "make them those of table.yaml"),
        (
            "r.`user`, r.`timestamp`, r.x, r.y, r.z, r.x AS w, NULL AS excluded",
            "make them those of table.yaml in that order: user, timestamp, x, y, z, excluded",
        ),
    ],
)
def test_other_output_columns_than_declared_are_found(columns: str, said: str) -> None:
    found = broken(f"SELECT {columns} FROM accelerometer_landing AS r")

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("customer_landing AS r", "its rows are those of customer_landing"),
        ("(SELECT email FROM customer_landing) AS r", "its rows are those of customer_landing"),
        ("renamed AS r", "its rows are those of customer_landing"),
    ],
)
def test_another_driving_table_than_the_candidates_is_found(source: str, said: str) -> None:
    tree = GOOD.replace("accelerometer_landing AS r", source)
    found = broken(f"WITH renamed AS (SELECT email FROM customer_landing AS c) {tree}")

    assert any(said in text and "candidates: accelerometer_landing" in text for text in found)


def test_a_cte_around_the_candidates_that_takes_their_name_is_still_followed() -> None:
    cte = "WITH accelerometer_landing AS (SELECT r.* FROM accelerometer_landing AS r) "

    assert not [text for text in broken(cte + GOOD) if "its rows are those of" in text]


def test_candidates_are_followed_into_a_query_with_ctes_of_its_own() -> None:
    cte = "WITH a AS (SELECT r.x FROM accelerometer_landing AS r) "
    own = "(WITH b AS (SELECT c.email FROM customer_landing AS c) SELECT r.x FROM a AS r)"
    found = broken(cte + GOOD.replace("accelerometer_landing", own))

    assert not [text for text in found if "its rows are those of" in text]


def test_a_query_without_declared_candidates_is_found() -> None:
    assert any("candidates: (none)" in text for text in check_rules(planted(GOOD, candidates="")))


@pytest.mark.parametrize("fault", ["WHERE r.x > 0", "GROUP BY r.x", "GROUP BY r.x HAVING r.x > 0"])
@pytest.mark.parametrize("place", ["outermost", "cte", "subquery"])
def test_a_candidate_lost_without_a_verdict_is_found(fault: str, place: str) -> None:
    kept = f"SELECT r.x FROM accelerometer_landing AS r {fault}"
    sql = {
        "outermost": GOOD + fault,
        "cte": f"WITH kept AS ({kept}) {GOOD.replace('accelerometer_landing', 'kept')}",
        "subquery": GOOD.replace("accelerometer_landing", f"({kept})"),
    }[place]

    assert any("without a verdict" in text for text in broken(sql))


def test_distinct_candidates_are_found() -> None:
    assert any("DISTINCT" in text for text in broken(GOOD.replace("SELECT", "SELECT DISTINCT", 1)))


@pytest.mark.parametrize(
    "join",
    [
        "RIGHT JOIN customer_landing AS c ON c.email = r.`user`",
        "FULL OUTER JOIN customer_landing AS c ON c.email = r.`user`",
        "LEFT SEMI JOIN customer_landing AS c ON c.email = r.`user`",
        "CROSS JOIN customer_landing AS c",
        "JOIN customer_landing AS c USING (email)",
        "NATURAL JOIN customer_landing AS c",
        ", customer_landing AS c",
    ],
)
def test_joins_that_move_the_candidates_are_found(join: str) -> None:
    sql = GOOD.replace("LEFT JOIN customer_landing AS c ON c.email = r.`user`", join)

    assert any("write JOIN … ON or LEFT JOIN … ON" in text for text in broken(sql))


def test_an_unknown_table_is_found_once() -> None:
    found = broken(GOOD.replace("customer_landing", "customers"))

    assert len(found) == 1
    assert "reads unknown table customers; there are accelerometer_landing" in found[0]


def test_a_qualified_name_is_found() -> None:
    found = broken(GOOD.replace("customer_landing", "landing.customer_landing"))

    assert any("write the bare name customer_landing" in text for text in found)


def test_a_cte_named_like_a_table_is_found() -> None:
    cte = "WITH customer_trusted AS (SELECT email FROM customer_landing) "
    found = broken(cte + GOOD.replace("customer_landing", "customer_trusted"))

    assert any("the CTE customer_trusted has the name of a table" in text for text in found)


def test_a_source_that_a_run_would_overlook_is_found() -> None:
    found = broken(GOOD.replace("LEFT JOIN customer_landing", "LEFT JOIN `customer_landing`"))

    assert len(found) == 1
    assert "a run would take accelerometer_landing for its sources" in found[0]


def test_an_edge_to_a_later_zone_is_found_in_queries_and_in_checks() -> None:
    later = GOOD.replace("customer_landing", "customers_curated")

    assert any("reads curated.customers_curated, a later zone" in text for text in broken(later))
    assert any("a later zone" in text for text in checked("SELECT email FROM customers_curated"))
    assert not checked("SELECT email FROM customers_curated", "step_trainer_trusted")


def test_the_exception_to_the_order_of_zones_is_one_and_in_use() -> None:
    assert {("step_trainer_trusted", "customers_curated")} == LATER_READS
    assert "customers_curated" in load_tables()["step_trainer_trusted"].sources


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        (":consents", "parameter :consents is unknown; there are :consent,"),
        ("?", "is unknown"),
        (":outer_pad", ":outer_pad stands outside the keyed hash"),
        ("unhex(:inner_pad)", ":inner_pad stands outside the keyed hash"),
        ("sha2(unhex(:outer_pad) || encode(r.x, 'UTF-8'), 256)", ":outer_pad stands outside"),
        (f"{KEYED} || :outer_pad", ":outer_pad stands outside the keyed hash"),
    ],
)
def test_parameters_elsewhere_than_meant_are_found(parameter: str, said: str) -> None:
    found = broken(GOOD.replace("r.x", f"{parameter} AS x", 1))

    assert any(said in text for text in found), found


def test_parameters_where_they_belong_are_fine() -> None:
    sql = GOOD.replace("r.x", f"{KEYED.replace('email', 'c.email')} AS x", 1)

    assert not broken(sql.replace("c.email IS NULL", "c.email IS NULL AND :consent = 'since'"))


def test_an_identifying_column_declared_in_a_table_that_forbids_them_is_found() -> None:
    table = load_tables()["machine_learning_curated"]
    column = Column(name="x", type="double", description="X.", pii="indirect")
    columns = tuple(column if c.name == "x" else c for c in table.columns)
    found = check_rules(load_tables() | {table.name: replace(table, columns=columns)})

    assert len(found) == 1
    assert "column x is pii: indirect in a table that says identifying: never" in found[0]


def test_a_fault_in_a_check_names_the_file_and_the_check() -> None:
    (found,) = checked("SELECT sum(x) AS x FROM accelerometer_trusted")

    assert found.startswith(
        "zones/trusted/accelerometer_trusted/table.yaml: check 'planted': `SUM(x)` (Sum)"
    )


def test_the_shipped_zones_break_no_rule() -> None:
    assert check_rules(load_tables()) == []
    assert check_rules(planted(GOOD)) == []


@pytest.mark.parametrize(
    ("sql", "sources"),
    [
        ("SELECT 1 AS x", ()),
        ("SELECT x FROM b JOIN a ON true", ("b", "a")),
        ("SELECT x FROM A JOIN a AS c ON true", ("a",)),
        ("WITH a AS (SELECT x FROM b) SELECT x FROM a", ("b",)),
        ("WITH a AS (SELECT x FROM a) SELECT x FROM a", ("a",)),
        ("WITH a AS (SELECT x FROM b) SELECT x FROM z.a", ("b", "a")),
        ("WITH a AS (SELECT x FROM b), b AS (SELECT x FROM c) SELECT x FROM a, b", ("b", "c")),
        ("SELECT x FROM (WITH a AS (SELECT x FROM b) SELECT x FROM a) JOIN a ON true", ("b", "a")),
        ("SELECT x FROM a WHERE EXISTS (SELECT 1 FROM b) UNION SELECT x FROM c", ("a", "b", "c")),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM b WHERE x IN (SELECT x FROM a)", ("b",)),
        ("SELECT x -- FROM nowhere\nFROM a WHERE x = 'FROM b'", ("a",)),
    ],
)
def test_sources_are_read_from_the_tree(sql: str, sources: tuple[str, ...]) -> None:
    assert sources_of(sql) == sources


@pytest.mark.parametrize("name", [t.name for t in load_tables().values() if t.query])
def test_the_cheap_reading_of_sources_agrees_with_the_tree(name: str) -> None:
    table = load_tables()[name]

    assert table.sources == sources_of(table.query)
    assert table.sources


@pytest.mark.parametrize("sql", ["", "SELECT 1; SELECT 2", "DROP TABLE x", "SELECT ("])
def test_no_query_has_no_sources(sql: str) -> None:
    with pytest.raises(ContractError):
        sources_of(sql)


@pytest.mark.parametrize(
    "almost",
    [
        "sha2(email, 256)",
        KEYED.replace(":outer_pad", "'36'").replace(":inner_pad", "'5c'"),
        KEYED.replace(":outer_pad", "'36'"),
        KEYED.replace(":inner_pad", "'5c'"),
        KEYED.replace(":inner_pad", ":outer_pad"),
        KEYED.replace("outer", "o").replace("inner", "outer").replace(":o_", ":inner_"),
        KEYED.replace("256)), 256)", "256)), 224)"),
        KEYED.replace("256)), 256)", "512)), 256)"),
        KEYED.replace("UTF-8", "UTF-16"),
        "sha2(unhex(:outer_pad) || unhex(:inner_pad) || encode(email, 'UTF-8'), 256)",
        "sha2(unhex(:outer_pad) || encode(email, 'UTF-8'), 256)",
        "sha2(unhex(:inner_pad) || encode(email, 'UTF-8'), 256)",
        f"{KEYED} || email",
        f"lower({KEYED})",
    ],
)
def test_almost_a_keyed_hash_is_none(almost: str) -> None:
    assert hashed_value(sqlglot.parse_one(almost, read="databricks")) is None


def test_the_keyed_hash_is_known_by_its_structure_and_gives_its_value() -> None:
    (selected,) = parse_query(f"SELECT ({KEYED}) AS any_name FROM customers_curated").selects
    value = hashed_value(selected.unalias())

    assert value is not None
    assert value.sql("databricks") == "LOWER(email)"
