-- What the last runs did to each table.
SELECT run, "table", engine, seconds, rows_in, rows_out, excluded, scope
FROM runs
ORDER BY run DESC, published
LIMIT 200
