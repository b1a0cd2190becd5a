-- Devices that several people claim: their readings are nobody's.
SELECT serialnumber, count(DISTINCT lower(trim(email))) AS people
FROM customer_landing
GROUP BY serialnumber
HAVING count(DISTINCT lower(trim(email))) > 1
ORDER BY people DESC, serialnumber
LIMIT 1000
