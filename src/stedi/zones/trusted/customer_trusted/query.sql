-- The person's latest record decides; equally recent records that disagree: the refusal wins.
WITH latest AS (
  SELECT lower(trim(email)) AS person, max(lastupdatedate) AS lastupdatedate
  FROM customer_landing
  GROUP BY lower(trim(email))
),
consent AS (
  SELECT
    l.person,
    CASE
      WHEN count(*) = count(c.sharewithresearchasofdate) THEN max(c.sharewithresearchasofdate)
    END AS since
  FROM customer_landing AS c
  JOIN latest AS l ON l.person = lower(trim(c.email)) AND l.lastupdatedate = c.lastupdatedate
  GROUP BY l.person
),
ranked AS (
  SELECT
    customername, email, phone, birthday, serialnumber, registrationdate, lastupdatedate,
    sharewithpublicasofdate, sharewithfriendsasofdate,
    lower(trim(email)) AS person,
    rank() OVER (
      PARTITION BY lower(trim(email)), serialnumber
      ORDER BY
        lastupdatedate DESC, registrationdate, email, customername, phone, birthday,
        sharewithpublicasofdate NULLS LAST, sharewithfriendsasofdate NULLS LAST
    ) AS recency
  FROM customer_landing
)
SELECT
  r.customername, r.email, r.phone, r.birthday, r.serialnumber, r.registrationdate,
  r.lastupdatedate, c.since AS sharewithresearchasofdate,
  r.sharewithpublicasofdate, r.sharewithfriendsasofdate,
  CASE
    WHEN c.since IS NULL THEN 'no research consent'
    WHEN r.recency > 1 THEN 'superseded by a newer record'
  END AS excluded
FROM ranked AS r
JOIN consent AS c ON c.person = r.person
