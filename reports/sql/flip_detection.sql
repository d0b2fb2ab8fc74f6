-- Stand-ins only: how well the labels that were changed on purpose are found, on each split, by distrusting labels that
-- contradict their archetype (expressions), and by the outputs of the same model: confident learning (views `label_doubts`,
-- `label_doubts_au`) or the modified z-score of the residual (`label_doubts_va`). A sample counts once: doubted if any of its
-- labels is, ranked by its worst dimension, or by its quality over all units. Average precision takes equal scores as one step.
WITH wanted AS (
  SELECT run, task, seeds FROM primary_metrics WHERE stand_in
),
judged AS (
  SELECT run, fold, seed, split, sample_id, doubted, margin AS trust FROM label_doubts
  UNION ALL
  SELECT run, fold, seed, split, sample_id, bool_or(doubted), min(coalesce(-abs(z), 0)) FROM label_doubts_va
  GROUP BY run, fold, seed, split, sample_id
  UNION ALL
  SELECT run, fold, seed, split, sample_id, bool_or(doubted), max(sample_quality) FROM label_doubts_au
  GROUP BY run, fold, seed, split, sample_id
),
ranked AS (
  SELECT d.run, d.fold, d.seed, d.split, t.flipped, d.doubted,
         CAST(sum(CASE WHEN t.flipped THEN 1 ELSE 0 END) OVER ranking AS DOUBLE) / count(*) OVER ranking AS precision
  FROM judged d
  JOIN wanted w ON w.run = d.run
  JOIN truth t ON t.run = d.run AND t.sample_id = d.sample_id
  WINDOW ranking AS (PARTITION BY d.run, d.fold, d.seed, d.split ORDER BY d.trust RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
learned AS (
  SELECT run, fold, seed, split,
         CAST(count(*) FILTER (WHERE doubted AND flipped) AS DOUBLE) / nullif(count(*) FILTER (WHERE doubted), 0) AS precision,
         CAST(count(*) FILTER (WHERE doubted AND flipped) AS DOUBLE) / nullif(count(*) FILTER (WHERE flipped), 0) AS recall,
         avg(CASE WHEN flipped THEN precision END) AS ap
  FROM ranked GROUP BY run, fold, seed, split
),
found AS (
  SELECT 0 AS place, 'archetype of another class' AS finder, m.run, m.seed, m.split,
         max(CASE WHEN m.metric = 'flip_precision' THEN m.value END) AS precision,
         max(CASE WHEN m.metric = 'flip_recall' THEN m.value END) AS recall,
         max(CASE WHEN m.metric = 'flip_ap' THEN m.value END) AS ap
  FROM seed_metrics m JOIN wanted w ON w.run = m.run AND w.task = 'expression'
  WHERE m.epoch IS NULL AND m.method = 'aura' AND m.metric IN ('flip_precision', 'flip_recall', 'flip_ap')
  GROUP BY m.run, m.seed, m.split
  UNION ALL
  SELECT 1, CASE w.task WHEN 'valence_arousal' THEN 'residual' ELSE 'confident learning' END, l.run, l.seed, l.split,
         avg(l.precision), avg(l.recall), avg(l.ap)
  FROM learned l JOIN wanted w ON w.run = l.run
  GROUP BY w.task, l.run, l.seed, l.split
),
flips AS (
  SELECT s.run, s.split, count(*) AS flipped
  FROM truth t JOIN samples s ON s.run = t.run AND s.sample_id = t.sample_id
  WHERE t.flipped GROUP BY s.run, s.split
)
SELECT f.run, f.split, f.finder, max(p.flipped) AS flipped,
       CASE WHEN count(f.precision) = max(w.seeds) THEN avg(f.precision) END AS precision,
       CASE WHEN count(f.precision) = max(w.seeds) THEN stddev_samp(f.precision) END AS precision_sd,
       CASE WHEN count(f.recall) = max(w.seeds) THEN avg(f.recall) END AS recall,
       CASE WHEN count(f.recall) = max(w.seeds) THEN stddev_samp(f.recall) END AS recall_sd,
       CASE WHEN count(f.ap) = max(w.seeds) THEN avg(f.ap) END AS ap,
       CASE WHEN count(f.ap) = max(w.seeds) THEN stddev_samp(f.ap) END AS ap_sd,
       count(DISTINCT f.seed) AS seeds
FROM found f
JOIN wanted w ON w.run = f.run
LEFT JOIN flips p ON p.run = f.run AND p.split = f.split
GROUP BY f.run, f.split, f.finder, f.place
ORDER BY f.run, CASE f.split WHEN 'train' THEN 0 WHEN 'val' THEN 1 ELSE 2 END, f.place
