"""Queries that people ask: they work, with these rows (of their last column, or all)."""

from __future__ import annotations

from typing import Any

ML, CUSTOMERS = "curated.machine_learning_curated", "customers_curated"

ORDINARY: dict[str, Any] = {
    "SELECT 1": [1],
    "select 1 -- with a comment\n;\n": [1],
    "/* nested /* comment */ */ SELECT 'a;b'": ["a;b"],
    "VALUES (1), (2)": [1, 2],
    f"SELECT count(*) FROM {ML}": [810],
    "SELECT count(*) FROM MACHINE_LEARNING_CURATED": [810],
    'SELECT count(*) FROM "curated"."machine_learning_curated" AS "m l"': [810],
    f"FROM {CUSTOMERS} SELECT count(*)": [24],
    f"SELECT count(*) FROM (TABLE {CUSTOMERS})": [24],
    f"SELECT count(COLUMNS('registration.*')) FROM {CUSTOMERS}": [24],
    f"SELECT count(*) FROM (SELECT * EXCLUDE (x, y) FROM {ML})": [810],
    f"SELECT count(*) FROM {CUSTOMERS} AS c, {CUSTOMERS} AS d": [576],
    f"SELECT count(*) FROM {CUSTOMERS} AS c JOIN {ML} AS m ON c.registrationdate > m.timestamp": [
        0
    ],
    f"SELECT count(*) FROM {CUSTOMERS} AS c WHERE EXISTS (FROM {ML} AS m"
    " WHERE m.timestamp > c.registrationdate)": [24],
    f"SELECT count(*) FROM {CUSTOMERS} c, LATERAL (SELECT c.registrationdate AS r) AS l": [24],
    f"SELECT count(DISTINCT subject_id) > 1 FROM {ML}": [True],
    f"SELECT sum(n) FROM (SELECT subject_id, count(*) AS n FROM {ML} GROUP BY ALL)": [810],
    f"SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY timestamp) AS r FROM {ML})": [810],
    f"SELECT count(*) FROM {ML} QUALIFY row_number() OVER () = 1": [810],
    f"SELECT sum(count) FROM (SELECT subject_id, count(*) AS count FROM {ML}"
    " GROUP BY GROUPING SETS ((subject_id), ()))": [1620],
    f"SELECT count(*) FROM (SELECT x FROM {ML} UNION ALL SELECT y FROM {ML})": [1620],
    f"SELECT count(*) FROM (FROM {ML} EXCEPT FROM {ML})": [0],
    f"SELECT count(*) FROM {ML} WHERE x BETWEEN -1000 AND 1000 AND y IS NOT NULL": [810],
    f"SELECT count(*) FROM (SELECT * FROM {ML} ORDER BY 1, 2 LIMIT 5 OFFSET 3)": [5],
    f"SELECT count(*) FROM (FROM {ML} USING SAMPLE 10 ROWS)": [10],
    f"SELECT list_count(list(m)) FROM {ML} AS m": [810],
    f"SELECT count(machine_learning_curated.x) FROM {ML}": [810],
    f"SELECT count(*) FROM (PIVOT {ML} ON (x > 0) IN (true, false) USING count(*)"
    " GROUP BY subject_id) WHERE false": [0],
    f"SELECT count(*) FROM (UNPIVOT (SELECT x, y FROM {ML}) ON x, y)": [1620],
    f"SELECT count(*) FROM (DESCRIBE {CUSTOMERS})": [5],
    f"SELECT min(count) FROM (SUMMARIZE {ML})": [810],
    "WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 AS n FROM a) SELECT n FROM b": [2],
    "WITH c(n) AS MATERIALIZED (SELECT 4) SELECT n FROM c": [4],
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9)"
    " SELECT sum(n) FROM t": [45],
    "WITH machine_learning_curated AS (SELECT 5 AS n) SELECT n FROM machine_learning_curated": [5],
    "SELECT (WITH x AS (SELECT 7 AS n) SELECT n FROM x)": [7],
    "SELECT n FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, s) WHERE s = 'b'": [2],
    "SELECT unnest([1, 2, 3])": [1, 2, 3],
    "SELECT unnest({'a': 1, 'b': 2})": [2],
    "SELECT * FROM generate_series(1, 3)": [1, 2, 3],
    "SELECT range FROM range(2) WITH ORDINALITY": [0, 1],
    "SELECT value::INTEGER FROM json_each('[4, 5]')": [4, 5],
    "SELECT list_transform([1, 2], lambda x: x + 1)": [[2, 3]],
    "SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1]": [[4, 6]],
    "SELECT list_reduce([1, 2, 3], lambda a, b: a + b)": [6],
    "SELECT json_extract_string('{\"a\": {\"b\": 1}}', '$.a.b')": ["1"],
    "SELECT '{\"a\": 1}'::JSON ->> 'a'": ["1"],
    "SELECT date_trunc('day', TIMESTAMP '2026-01-02 03:04:05')::DATE::VARCHAR": ["2026-01-02"],
    "SELECT (TIMESTAMPTZ '2026-01-01 00:00:00+00')::VARCHAR": ["2026-01-01 00:00:00+00"],
    "SELECT strftime(DATE '2026-01-02', '%d.%m.%Y')": ["02.01.2026"],
    "SELECT current_date = today()": [True],
    "SELECT CASE WHEN 1 < 2 THEN 'x' ELSE 'y' END": ["x"],
    "SELECT regexp_replace('abc', 'b', 'x')": ["axc"],
    "SELECT upper('gr\u00fcn')": ["GR\u00dcN"],
    "SELECT 'stra\u00dfe' COLLATE de < 'z' COLLATE de": [True],
    "SELECT map {'a': 1}['a']": [1],
    "SELECT struct_pack(a := 1).a": [1],
    "SELECT histogram(x)[1] FROM (VALUES (1), (1)) AS t(x)": [2],
    "SELECT quantile_cont(x, 0.5) FROM range(5) AS t(x)": [2.0],
    "SELECT 1 AS a, a + 1 AS b": [2],
    "SELECT TRY_CAST('x' AS INTEGER)": [None],
    "SELECT #1 FROM (SELECT 3) AS t": [3],
    "SELECT 'O''Reilly' || $$ it's $$": ["O'Reilly it's "],
    "SELECT 170141183460469231731687303715884105727::VARCHAR": [str(2**127 - 1)],
    "SELECT 99999999999999999999999999999999999999": [10**38 - 1],
    "SELECT NULL": [None],
    "SELECT 1 WHERE false": [],
}
