-- Subjects of machine_learning_curated, those with the most readings first.
SELECT subject_id, count(*) AS readings, min("timestamp") AS first_reading,
  max("timestamp") AS last_reading
FROM machine_learning_curated
GROUP BY subject_id
ORDER BY readings DESC, subject_id
LIMIT 1000
