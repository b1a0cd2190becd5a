-- Rows of the curated tables.
SELECT 'customers_curated' AS table_name, count(*) AS row_count FROM customers_curated
UNION ALL SELECT 'machine_learning_curated', count(*) FROM machine_learning_curated
ORDER BY table_name
