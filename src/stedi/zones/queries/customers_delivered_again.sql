-- Customers delivered more than once, those with the most records first.
SELECT lower(trim(email)) AS person, count(*) AS records, count(DISTINCT serialnumber) AS devices,
  min(lastupdatedate) AS first_update, max(lastupdatedate) AS last_update
FROM customer_landing
GROUP BY lower(trim(email))
HAVING count(*) > 1
ORDER BY records DESC, person
LIMIT 1000
