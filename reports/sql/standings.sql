-- How each read-out of AURA stands against each rival (view `standings`), with the primary metric of both on held-out training
-- samples (metrics `held_out_<metric>` of split `all`), mean over seeds; on other databases (metric `<metric>@NAME`) too.
SELECT s.run, CASE WHEN strpos(s.metric, '@') > 0 THEN split_part(s.metric, '@', 2) END AS elsewhere, s.read_out, s.method, s.lead, s.low, s.high, s.p_holm, s.verdict, a.mean AS aura_held_out, o.mean AS held_out
FROM standings s
LEFT JOIN scores a ON a.run = s.run AND a.method = s.read_out AND a.split = 'all' AND a.metric = 'held_out_' || s.metric
LEFT JOIN scores o ON o.run = s.run AND o.method = s.method AND o.split = 'all' AND o.metric = 'held_out_' || s.metric
ORDER BY s.run, strpos(s.metric, '@') > 0, s.metric, CASE s.read_out WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 ELSE 2 END, s.lead, s.method
