-- The numbers of a run that stand beside the paper's Table 3, in per cent; row: the paper's name for encoder and method.
SELECT s.run, s.seeds,
       CASE s.method WHEN 'aura' THEN 'AURA-' || upper(p.encoder) ELSE upper(p.encoder) || ' FT' END AS row,
       100 * s.mean AS value, 100 * s.sd AS value_sd,
       CASE WHEN s.method = 'aura' THEN 100 * l.lead END AS gain, CASE WHEN s.method = 'aura' THEN 100 * l.lead_sd END AS gain_sd
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
LEFT JOIN leads l ON l.run = s.run AND l.method = 'finetune'
WHERE s.split = 'test' AND s.method IN ('aura', 'finetune') AND p.encoder IN ('clip', 'dino')
ORDER BY s.run, s.method
