-- How often each distance was measured, in steps of ten of the device's units.
SELECT 10 * CAST(floor(distancefromobject / 10.0) AS integer) AS distance, count(*) AS readings
FROM machine_learning_curated
GROUP BY 1
ORDER BY 1
