WITH known AS (
  SELECT DISTINCT lower(trim(email)) AS person FROM customer_landing
),
consenting AS (
  SELECT lower(trim(email)) AS person, max(sharewithresearchasofdate) AS since
  FROM customer_trusted
  GROUP BY lower(trim(email))
),
people AS (
  SELECT k.person, c.since FROM known AS k LEFT JOIN consenting AS c ON c.person = k.person
)
SELECT
  r.`user`, r.`timestamp`, r.x, r.y, r.z,
  CASE
    WHEN p.person IS NULL THEN 'unknown customer'
    WHEN p.since IS NULL THEN 'no research consent'
    WHEN :consent = 'since' AND r.`timestamp` < p.since THEN 'recorded before consent'
  END AS excluded
FROM accelerometer_landing AS r
LEFT JOIN people AS p ON p.person = lower(trim(r.`user`))
