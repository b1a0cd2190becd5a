-- Customers without research consent, as delivered: landing holds them, the trusted zone must not.
SELECT 'customer_landing' AS table_name, count(*) AS row_count
FROM customer_landing WHERE sharewithresearchasofdate IS NULL
UNION ALL
SELECT 'customer_trusted', count(*)
FROM customer_trusted WHERE sharewithresearchasofdate IS NULL
UNION ALL
SELECT 'customers_curated', count(*)
FROM customers_curated WHERE sharewithresearchasofdate IS NULL
ORDER BY table_name
