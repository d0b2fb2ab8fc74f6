-- Every metric of the test split by group (view `subgroups`), the primary one first; a dagger marks groups that take no part in
-- the gap.
WITH told AS (
  SELECT g.*, CASE g.metric WHEN p.metric THEN 0 ELSE 1 END AS place, coalesce(g.part, '(not known)') AS named
  FROM subgroups g JOIN primary_metrics p ON p.run = g.run
  WHERE g.kind = 'group'
)
SELECT run, attribute, metric, method, named || CASE WHEN counted THEN '' ELSE ' †' END AS part_name, n, clusters, value, low, high
FROM told
ORDER BY run, place, attribute, metric, CASE WHEN method LIKE 'aura%' THEN 0 ELSE 1 END, method, part NULLS LAST
