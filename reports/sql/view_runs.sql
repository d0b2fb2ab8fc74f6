-- The list of runs in `view`: whose predictions a run is about, and its primary metric on the test split.
SELECT p.run, r.method, p.metric, s.mean
FROM primary_metrics p
JOIN runs r ON r.run = p.run
LEFT JOIN scores s ON s.run = p.run AND s.metric = p.metric AND s.method = r.method AND s.split = 'test'
ORDER BY p.run
