-- A serial number claimed by several people, consenting or not, is nobody's.
WITH claims AS (
  SELECT
    serialnumber,
    min(lower(trim(email))) AS person,
    count(DISTINCT lower(trim(email))) AS people
  FROM customer_landing
  GROUP BY serialnumber
),
trusted AS (
  SELECT DISTINCT lower(trim(email)) AS person FROM customer_trusted
),
curated AS (
  SELECT lower(trim(email)) AS person, max(sharewithresearchasofdate) AS since
  FROM customers_curated
  GROUP BY lower(trim(email))
),
devices AS (
  SELECT c.serialnumber, c.people, t.person AS trusted, u.person AS curated, u.since
  FROM claims AS c
  LEFT JOIN trusted AS t ON t.person = c.person
  LEFT JOIN curated AS u ON u.person = c.person
)
SELECT
  r.sensorreadingtime, r.serialnumber, r.distancefromobject,
  CASE
    WHEN d.serialnumber IS NULL THEN 'unknown device'
    WHEN d.people > 1 THEN 'device claimed by several people'
    WHEN d.trusted IS NULL THEN 'no research consent'
    WHEN d.curated IS NULL THEN 'owner has no accelerometer readings'
    WHEN :consent = 'since' AND r.sensorreadingtime < d.since THEN 'recorded before consent'
  END AS excluded
FROM step_trainer_landing AS r
LEFT JOIN devices AS d ON d.serialnumber = r.serialnumber
