-- The largest gap between the groups of an attribute, of every metric of the test split (view `subgroups`), the primary one first.
SELECT g.run, g.attribute, g.metric, g.method, g.value AS gap, g.low, g.high, g.highest, g.lowest, g.n
FROM subgroups g
JOIN primary_metrics p ON p.run = g.run
WHERE g.kind = 'gap'
ORDER BY g.run, CASE g.metric WHEN p.metric THEN 0 ELSE 1 END, g.attribute, g.metric,
         CASE WHEN g.method LIKE 'aura%' THEN 0 ELSE 1 END, g.method
