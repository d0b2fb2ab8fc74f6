-- What a report opens with, one row a run: the primary metric of the method that the run is about, the rival that is best on the
-- test split and how the run's method stands against it (view `standings`), archetypes kept, labels that most seeds doubt.
WITH rated AS (
  SELECT s.run, s.method, s.mean, s.low, s.high, s.sd, s.n,
         row_number() OVER (PARTITION BY s.run, s.method = r.method, starts_with(s.method, 'aura_') ORDER BY s.mean DESC, s.method) AS place,
         s.method = r.method AS own, starts_with(s.method, 'aura_') AND r.method = 'aura' AS read_out
  FROM scores s
  JOIN primary_metrics p ON p.run = s.run AND p.metric = s.metric
  JOIN runs r ON r.run = s.run
  WHERE s.split = 'test' AND s.mean IS NOT NULL
),
counted AS (
  SELECT run, count(*) AS rivals FROM rated WHERE NOT own AND NOT read_out GROUP BY run
),
doubted AS (
  SELECT run, count(DISTINCT sample_id) FILTER (WHERE 2 * votes > seeds) AS labels FROM label_review GROUP BY run
),
offered AS (
  SELECT run, max(CAST(CAST(value AS DOUBLE) AS BIGINT)) AS k_max FROM settings WHERE key = 'model.k_max' GROUP BY run
)
SELECT p.run, p.dataset, p.task, p.encoder, p.stand_in, p.metric, p.seeds, p.folds, a.method, a.mean, a.low, a.high, a.sd, a.n,
       b.method AS rival, b.mean AS rival_mean, c.rivals, s.lead, s.low AS lead_low, s.high AS lead_high, s.verdict, k.mean AS kept,
       o.k_max, coalesce(d.labels, 0) AS labels
FROM primary_metrics p
JOIN rated a ON a.run = p.run AND a.own
LEFT JOIN rated b ON b.run = p.run AND NOT b.own AND NOT b.read_out AND b.place = 1
LEFT JOIN counted c ON c.run = p.run
LEFT JOIN standings s ON s.run = p.run AND s.metric = p.metric AND s.read_out = a.method AND s.method = b.method
LEFT JOIN scores k ON k.run = p.run AND k.method = 'aura' AND k.split = 'all' AND k.metric = 'k_stable'
LEFT JOIN offered o ON o.run = p.run
LEFT JOIN doubted d ON d.run = p.run
ORDER BY p.run
