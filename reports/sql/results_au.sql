-- Action units: methods against F1 of each unit and their mean, over the seeds of a run, on the test split.
-- A mean is given only where every seed of the run has the metric (view `scores`); otherwise the cell is missing.
-- lead: mean F1 of AURA's primal read-out minus the row's, taken seed by seed (view `leads`).
-- low/high: the seeds' own 95 % intervals (uncertainty of a finite test set), averaged.
SELECT s.run, s.method, min(s.seeds) AS seeds, max(s.n) AS samples,
       max(s.mean) FILTER (WHERE s.metric = 'f1_avg') AS f1_avg, max(s.sd) FILTER (WHERE s.metric = 'f1_avg') AS f1_avg_sd,
       max(s.low) FILTER (WHERE s.metric = 'f1_avg') AS f1_avg_low, max(s.high) FILTER (WHERE s.metric = 'f1_avg') AS f1_avg_high,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au01') AS f1_au01, max(s.sd) FILTER (WHERE s.metric = 'f1_au01') AS f1_au01_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au02') AS f1_au02, max(s.sd) FILTER (WHERE s.metric = 'f1_au02') AS f1_au02_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au04') AS f1_au04, max(s.sd) FILTER (WHERE s.metric = 'f1_au04') AS f1_au04_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au05') AS f1_au05, max(s.sd) FILTER (WHERE s.metric = 'f1_au05') AS f1_au05_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au06') AS f1_au06, max(s.sd) FILTER (WHERE s.metric = 'f1_au06') AS f1_au06_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au09') AS f1_au09, max(s.sd) FILTER (WHERE s.metric = 'f1_au09') AS f1_au09_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au12') AS f1_au12, max(s.sd) FILTER (WHERE s.metric = 'f1_au12') AS f1_au12_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au15') AS f1_au15, max(s.sd) FILTER (WHERE s.metric = 'f1_au15') AS f1_au15_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au17') AS f1_au17, max(s.sd) FILTER (WHERE s.metric = 'f1_au17') AS f1_au17_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au20') AS f1_au20, max(s.sd) FILTER (WHERE s.metric = 'f1_au20') AS f1_au20_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au25') AS f1_au25, max(s.sd) FILTER (WHERE s.metric = 'f1_au25') AS f1_au25_sd,
       max(s.mean) FILTER (WHERE s.metric = 'f1_au26') AS f1_au26, max(s.sd) FILTER (WHERE s.metric = 'f1_au26') AS f1_au26_sd,
       max(s.mean) FILTER (WHERE s.metric = 'acc_avg') AS acc_avg, max(s.sd) FILTER (WHERE s.metric = 'acc_avg') AS acc_avg_sd,
       max(l.lead) AS lead, max(l.lead_sd) AS lead_sd
FROM scores s
JOIN primary_metrics p ON p.run = s.run AND p.task = 'action_units'
LEFT JOIN leads l ON l.run = s.run AND l.method = s.method
WHERE s.split = 'test'
  AND s.metric IN (
    'f1_avg', 'f1_au01', 'f1_au02', 'f1_au04', 'f1_au05', 'f1_au06', 'f1_au09', 'f1_au12', 'f1_au15',
    'f1_au17', 'f1_au20', 'f1_au25', 'f1_au26', 'acc_avg'
  )
GROUP BY s.run, s.method
ORDER BY s.run, CASE s.method WHEN 'aura' THEN 0 WHEN 'aura_mixture' THEN 1 ELSE 2 END, s.method
