-- Range and mean of the acceleration along each axis, as the app delivers it.
SELECT 'x' AS axis, min(x) AS least, avg(x) AS mean, max(x) AS most FROM machine_learning_curated
UNION ALL SELECT 'y', min(y), avg(y), max(y) FROM machine_learning_curated
UNION ALL SELECT 'z', min(z), avg(z), max(z) FROM machine_learning_curated
ORDER BY axis
