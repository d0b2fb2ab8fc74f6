-- Samples of the explorer, of the run's first seed (in its first fold): those on its maps, the `$support` nearest of every kept
-- archetype, those of the `$issues` labels that are most doubted, and `$others` further test samples, evenly over the split.
WITH first AS (
  SELECT p.run, r.method, min(p.fold) AS fold, min(p.seed) AS seed
  FROM predictions p
  JOIN runs r ON r.run = p.run AND r.method = p.method
  GROUP BY p.run, r.method
),
said AS (
  SELECT p.run, p.sample_id, p.split, p.label, p.prediction, p.correct, p.target, p.output
  FROM predictions p
  JOIN first f ON f.run = p.run AND f.method = p.method AND f.seed = p.seed AND (f.fold IS NOT DISTINCT FROM p.fold)
  WHERE NOT starts_with(p.split, 'test@')
),
matched AS (
  SELECT a.run, a.sample_id, a.split, a.archetype, a.similarity, a.second, a.margin
  FROM assignments a
  JOIN first f ON f.run = a.run AND f.seed = a.seed AND (f.fold IS NOT DISTINCT FROM a.fold)
),
tested AS (
  SELECT run, sample_id, CAST(row_number() OVER (PARTITION BY run ORDER BY sample_id) AS BIGINT) AS i,
         CAST(count(*) OVER (PARTITION BY run) AS BIGINT) AS n
  FROM said WHERE split = 'test'
),
chosen AS (
  SELECT m.run, m.sample_id
  FROM maps m
  JOIN first f ON f.run = m.run AND f.seed = m.seed AND (f.fold IS NOT DISTINCT FROM m.fold)
  WHERE m.sample_id IS NOT NULL
  UNION
  SELECT a.run, unnest(array_slice(a.nearest, 1, $support)) AS sample_id
  FROM archetypes a
  JOIN first f ON f.run = a.run AND f.seed = a.seed AND (f.fold IS NOT DISTINCT FROM a.fold)
  WHERE a.active
  UNION
  SELECT run, sample_id FROM label_review WHERE place <= $issues
  UNION
  SELECT run, sample_id FROM tested WHERE (i * $others) / n > ((i - 1) * $others) / n
),
doubts AS (
  SELECT run, sample_id, max(CAST(votes AS DOUBLE) / seeds) AS doubt FROM label_review WHERE votes > 0 GROUP BY run, sample_id
)
SELECT s.run, s.sample_id, coalesce(p.split, s.split) AS split, s.subject, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h,
       p.label, p.prediction, p.correct, p.target, p.output, a.archetype, a.similarity, a.second, a.margin, d.doubt, t.flipped,
       (SELECT count(*) FROM tested) AS tested
FROM chosen c
JOIN samples s ON s.run = c.run AND s.sample_id = c.sample_id
LEFT JOIN said p ON p.run = c.run AND p.sample_id = c.sample_id
LEFT JOIN matched a ON a.run = p.run AND a.sample_id = p.sample_id AND a.split = p.split
LEFT JOIN doubts d ON d.run = c.run AND d.sample_id = c.sample_id
LEFT JOIN truth t ON t.run = c.run AND t.sample_id = c.sample_id
ORDER BY s.run, CASE coalesce(p.split, s.split) WHEN 'test' THEN 0 WHEN 'val' THEN 1 ELSE 2 END, s.sample_id
