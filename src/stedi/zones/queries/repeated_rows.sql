-- Rows of machine_learning_curated that are there more than once: there must be none.
SELECT count(*) AS repeated
FROM (
  SELECT subject_id, "timestamp", x, y, z
  FROM machine_learning_curated
  GROUP BY subject_id, "timestamp", x, y, z
  HAVING count(*) > 1
) AS repeated_keys
