-- Delivered lines in quarantine by feed and reason (of all runs, replaced files' lines left out).
SELECT feed, reason, count(*) AS line_count, count(DISTINCT file) AS file_count
FROM quarantine
GROUP BY feed, reason
ORDER BY line_count DESC, feed, reason
LIMIT 1000
