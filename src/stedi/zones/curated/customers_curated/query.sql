WITH walkers AS (
  SELECT DISTINCT lower(trim(`user`)) AS person FROM accelerometer_trusted
)
SELECT
  c.customername, c.email, c.phone, c.birthday, c.serialnumber, c.registrationdate,
  c.lastupdatedate, c.sharewithresearchasofdate, c.sharewithpublicasofdate,
  c.sharewithfriendsasofdate,
  CASE WHEN w.person IS NULL THEN 'no accelerometer readings' END AS excluded
FROM customer_trusted AS c
LEFT JOIN walkers AS w ON w.person = lower(trim(c.email))
