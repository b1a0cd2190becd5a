-- Rows by table: how many rows every table of people's data holds, zone by zone.
SELECT 'landing' AS zone, 'customer_landing' AS table_name, count(*) AS row_count FROM customer_landing
UNION ALL SELECT 'landing', 'accelerometer_landing', count(*) FROM accelerometer_landing
UNION ALL SELECT 'landing', 'step_trainer_landing', count(*) FROM step_trainer_landing
UNION ALL SELECT 'trusted', 'customer_trusted', count(*) FROM customer_trusted
UNION ALL SELECT 'trusted', 'accelerometer_trusted', count(*) FROM accelerometer_trusted
UNION ALL SELECT 'trusted', 'step_trainer_trusted', count(*) FROM step_trainer_trusted
UNION ALL SELECT 'curated', 'customers_curated', count(*) FROM customers_curated
UNION ALL SELECT 'curated', 'machine_learning_curated', count(*) FROM machine_learning_curated
