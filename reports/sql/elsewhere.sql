-- The task's primary metric of every method on the run's own test split and on every other database that it was tested on, one row
-- a database (`[[test]]` of the recipe; split `test@NAME`): a mean only where every seed (and fold) has it.
-- A column is of one name, database and rule, as runs may call others so.
SELECT s.run, s.method, s.metric, own.mean AS own, own.sd AS own_sd,
       split_part(s.split, '@', 2) || CASE WHEN c.value <> split_part(s.split, '@', 2) THEN ' (' || c.value || ')' ELSE '' END
       || CASE WHEN a.value = 'all' THEN ', any answer' ELSE '' END AS name,
       s.mean AS there, s.sd AS there_sd, s.low AS there_low, s.high AS there_high, s.n AS samples
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
LEFT JOIN scores own ON own.run = s.run AND own.method = s.method AND own.metric = s.metric AND own.split = 'test'
LEFT JOIN settings c ON c.run = s.run AND c.key = 'test.' || split_part(s.split, '@', 2) || '.dataset.card'
LEFT JOIN settings a ON a.run = s.run AND a.key = 'test.' || split_part(s.split, '@', 2) || '.answers'
WHERE starts_with(s.split, 'test@')
ORDER BY s.run, CASE s.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 WHEN 'aura_tuned' THEN 2 ELSE 3 END, s.method, name
