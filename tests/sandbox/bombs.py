"""Queries made to use up time, memory or room."""

from __future__ import annotations

TEXT = "machine_learning_curated"

BOMBS: dict[str, str] = {
    "cross join": "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c",
    "cross join of a table": f"SELECT sum(a.x * b.y) FROM {TEXT} a, {TEXT} b, {TEXT} c, {TEXT} d",
    "unequal join": "SELECT count(*) FROM range(10000000) a JOIN range(10000000) b"
    " ON a.range < b.range",
    "recursion without end": "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t)"
    " SELECT count(*) FROM t",
    "recursion that doubles": "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL"
    " SELECT n + 1 FROM t, range(2)) SELECT count(*) FROM t",
    "recursion of a text": "WITH RECURSIVE t AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM t)"
    " SELECT count(*) FROM t",
    "a long series": "SELECT sum(generate_series) FROM generate_series(1, 1000000000000)",
    "a long list": "SELECT len(range(1000000000000))",
    "a large sort": "SELECT * FROM range(2000000000) ORDER BY hash(range) DESC",
    "a large group": "SELECT count(*) FROM (SELECT range, count(*) FROM range(4000000000)"
    " GROUP BY 1)",
    "distinct texts": "SELECT count(DISTINCT md5(range::VARCHAR)) FROM range(4000000000)",
    "repeat": "SELECT sum(length(repeat('abcdefgh', 1000000000 + range))) FROM range(100)",
    "lpad": "SELECT sum(length(lpad('a', 2000000000, 'b'))) FROM range(1000)",
    "printf": "SELECT length(printf('%2000000000d', 1))",
    "format": "SELECT length(format('{:>2000000000}', 1))",
    "bar": "SELECT length(bar(1, 0, 1, 1000000000))",
    "string_agg": "SELECT length(string_agg(md5(range::VARCHAR), ',')) FROM range(4000000000)",
    "list": "SELECT len(list(range)) FROM range(4000000000)",
    "list_reduce": "SELECT list_reduce(range(5000000), lambda a, b: hash(a, b) % 7)"
    " FROM range(1000)",
    "list_transform": "SELECT sum(list_sum(list_transform(range(10000000), lambda x: x * range)))"
    " FROM range(1000)",
    "lists of lists": "SELECT list_transform(range(100000), lambda x: range(100000))",
    "levenshtein": "SELECT levenshtein(repeat('ab', 400000), repeat('ba', 400000))",
    "damerau": "SELECT damerau_levenshtein(repeat('ab', 100000), repeat('ba', 100000))",
    "regular expression": "SELECT count(*) FROM range(100000) WHERE"
    " regexp_matches(repeat('a', 100000) || range, '(a|aa)+(b|a*)*c$')",
    "regular expression, many": "SELECT len(regexp_extract_all(repeat('a', 300000000), 'a'))",
    "like": "SELECT count(*) FROM range(100000) WHERE"
    " (repeat('a', 100000) || range) LIKE '%a%a%a%a%a%a%a%a%b'",
    "many unions": " UNION ALL ".join(["SELECT 1"] * 5_000),
    "many unions, short": "FROM(" + "SELECT 1 UNION " * 6_500 + "SELECT 1)",
    "doublings": "WITH t0 AS (SELECT 1 AS n), "
    + ", ".join(f"t{n} AS (FROM t{n - 1} UNION ALL FROM t{n - 1})" for n in range(1, 50))
    + " SELECT count(*) FROM t49",
    "deep subqueries": "SELECT * FROM " + "(SELECT * FROM " * 900 + "range(3)" + ")" * 900,
    "deep expression": "SELECT " + "abs(" * 900 + "1" + ")" * 900,
    "many columns": "SELECT "
    + ", ".join(f"max(hash(range + {n}))" for n in range(2_500))
    + " FROM range(100000000)",
    "many joins": "SELECT count(*) FROM " + ", ".join(f"range(9) t{n}" for n in range(40)),
    "many conditions": "SELECT count(*) FROM range(100000000) WHERE "
    + " OR ".join(f"hash(range) % 7919 = {n}" for n in range(2_000)),
    "window frames": "SELECT sum(m) FROM (SELECT mode(range) OVER (ORDER BY range"
    " ROWS BETWEEN 1000000 PRECEDING AND 1000000 FOLLOWING) AS m FROM range(5000000))",
    "window, quantiles": "SELECT sum(m) FROM (SELECT quantile_cont(random(), 0.5) OVER ("
    " ROWS BETWEEN 1000000 PRECEDING AND 1000000 FOLLOWING EXCLUDE TIES) AS m"
    " FROM range(5000000))",
    "histogram": "SELECT len(map_keys(histogram(range))) FROM range(2000000000)",
    "quantiles": "SELECT quantile_cont(hash(range), 0.5) FROM range(4000000000)",
    "top of many": "SELECT approx_top_k(range::VARCHAR, 1000000) FROM range(2000000000)",
    "unnest": "SELECT count(*) FROM (SELECT unnest(range(1000000)) AS a, range"
    " FROM range(10000000))",
    "unnest of unnest": "SELECT unnest(l) FROM (SELECT unnest(range(100000)) AS n,"
    " range(100000) AS l)",
    "json": "SELECT json_group_array({'a': range, 'b': repeat('x', 1000)}) FROM range(1000000000)",
    "json of json": "SELECT length(to_json(list_transform(range(3000000), lambda x: to_json(x)))"
    "::VARCHAR) FROM range(1000)",
    "deep json": "SELECT json_structure((repeat('[', 50000000) || repeat(']', 50000000))::JSON)",
    "hashes of lists": "SELECT sum(hash(range(1000000 + range))) FROM range(100000)",
    "combinations": "SELECT count(*) FROM range(100000) GROUP BY CUBE ("
    + ", ".join(f"range % {n}" for n in range(2, 14))
    + ")",
    "pivot": f"FROM (PIVOT {TEXT} ON distancefromobject IN ("
    + ", ".join(map(str, range(10_000)))
    + ") USING sum(x), list(y), string_agg(z::VARCHAR, repeat(',', 1000)))",
    "factorial": "SELECT sum(bignum) FROM (SELECT repeat('9', 2000000)::BIGNUM AS bignum"
    " FROM range(100000))",
    "big numbers": "SELECT (repeat('9', 30000000)::BIGNUM)::VARCHAR",
    "bits": "SELECT bitstring_agg(range, 0, 400000000000) FROM range(10)",
    "positional join": "SELECT count(*) FROM range(100000000000)"
    " POSITIONAL JOIN range(100000000000)",
    "rows": "SELECT range, md5(range::VARCHAR) FROM range(100000000000)",
    "wide rows": "SELECT repeat('x', 5000000) FROM range(1000000)",
    "one huge row": "SELECT repeat('x', 120000000)",
    "lists of nothing": "SELECT list_transform(range(12000000), lambda x: NULL)",
    "offset": "SELECT * FROM range(100000000000) OFFSET 99999999999",
    "sample": "SELECT count(*) FROM range(100000000000) USING SAMPLE reservoir(100000000 ROWS)",
    "correlated": "SELECT count(*) FROM range(1000000) a WHERE (SELECT count(*) FROM"
    " range(1000000) b WHERE b.range % 1009 > a.range % 1013) > 5",
    "an error that is long": "SELECT error(repeat('x', 100000000))",
}

# They use up nothing but time, so that a shorter limit proves the same.
ENDLESS = {
    "cross join",
    "cross join of a table",
    "recursion without end",
    "a long series",
    "list_reduce",
    "levenshtein",
    "many unions",
    "many unions, short",
    "many columns",
    "many conditions",
    "unnest",
    "positional join",
    "offset",
    "correlated",
}
