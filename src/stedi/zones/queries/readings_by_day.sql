-- Rows of machine_learning_curated by day, and of how many subjects.
SELECT CAST(date_trunc('day', "timestamp") AS date) AS day,
  count(*) AS readings, count(DISTINCT subject_id) AS subjects
FROM machine_learning_curated
GROUP BY 1
ORDER BY 1
