-- subject_id is HMAC-SHA256 (RFC 2104): the pads are the key's, made outside the SQL.
WITH people AS (
  SELECT
    lower(trim(email)) AS person,
    sha2(
      unhex(:outer_pad)
      || unhex(sha2(unhex(:inner_pad) || encode(lower(trim(email)), 'UTF-8'), 256)),
      256
    ) AS subject_id
  FROM customers_curated
  GROUP BY lower(trim(email))
),
devices AS (
  SELECT DISTINCT lower(trim(email)) AS person, serialnumber FROM customers_curated
),
steps AS (
  SELECT
    d.person, s.sensorreadingtime,
    min(s.distancefromobject) AS least, max(s.distancefromobject) AS most
  FROM step_trainer_trusted AS s
  JOIN devices AS d ON d.serialnumber = s.serialnumber
  GROUP BY d.person, s.sensorreadingtime
)
SELECT
  p.subject_id, r.`timestamp`, r.x, r.y, r.z, s.least AS distancefromobject,
  CASE
    WHEN s.person IS NULL THEN 'no step-trainer reading at that instant'
    WHEN s.least < s.most THEN 'step-trainer readings disagree'
  END AS excluded
FROM accelerometer_trusted AS r
JOIN people AS p ON p.person = lower(trim(r.`user`))
LEFT JOIN steps AS s ON s.person = p.person AND s.sensorreadingtime = r.`timestamp`
