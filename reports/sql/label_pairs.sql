-- Pairs of neighbouring archetypes of different classes with the samples that each took from the other's class, as in the
-- paper's Figure 1 (a). Two archetypes are neighbours if each is, in the other's class, the one most similar to the other.
-- Samples are ranked by margin (view `contradictions`). The first seed of each run.
WITH kept AS (
  SELECT a.run, a.fold, a.seed, a.archetype, a.label_name, a.embedding, n.name
  FROM archetypes a
  JOIN first_seeds f ON f.run = a.run AND f.seed = a.seed AND (f.fold IS NOT DISTINCT FROM a.fold)
  JOIN runs r ON r.run = a.run AND r.task = 'expression'
  JOIN archetype_names n
    ON n.run = a.run AND n.seed = a.seed AND (n.fold IS NOT DISTINCT FROM a.fold) AND n.archetype = a.archetype
),
near AS (
  SELECT a.run, a.archetype, a.label_name, b.archetype AS other, b.label_name AS other_class,
         1 - power(array_distance(a.embedding, b.embedding), 2) / 2 AS cosine,
         row_number() OVER (PARTITION BY a.run, a.archetype, b.label_name
                            ORDER BY array_distance(a.embedding, b.embedding), b.archetype) AS place
  FROM kept a JOIN kept b ON a.run = b.run AND a.label_name <> b.label_name
),
taken AS (
  SELECT c.run, c.archetype, c.label, c.sample_id, c.split, c.similarity, c.margin
  FROM contradictions c
  JOIN first_seeds f ON f.run = c.run AND f.seed = c.seed AND (f.fold IS NOT DISTINCT FROM c.fold)
),
counts AS (
  SELECT run, archetype, label, count(*) AS samples FROM taken GROUP BY run, archetype, label
),
-- Each pair once, the lower index first; both directions must name it.
paired AS (
  SELECT n.run, least(n.archetype, n.other) AS one, greatest(n.archetype, n.other) AS two, max(n.cosine) AS cosine
  FROM near n
  WHERE n.place = 1
  GROUP BY n.run, least(n.archetype, n.other), greatest(n.archetype, n.other)
  HAVING count(*) = 2
),
sides AS (
  SELECT p.run, p.one, p.two, p.cosine, p.one AS archetype, p.two AS other FROM paired p
  UNION ALL
  SELECT p.run, p.one, p.two, p.cosine, p.two AS archetype, p.one AS other FROM paired p
),
counted AS (
  SELECT s.run, s.one, s.two, s.cosine, s.archetype, s.other, a.name, b.label_name AS other_class,
         coalesce(c.samples, 0) AS samples,
         min(coalesce(c.samples, 0)) OVER (PARTITION BY s.run, s.one, s.two) AS least_samples,
         sum(coalesce(c.samples, 0)) OVER (PARTITION BY s.run, s.one, s.two) AS both_samples
  FROM sides s
  JOIN kept a ON a.run = s.run AND a.archetype = s.archetype
  JOIN kept b ON b.run = s.run AND b.archetype = s.other
  LEFT JOIN counts c ON c.run = s.run AND c.archetype = s.archetype AND c.label = b.label_name
),
ranked AS (
  SELECT *, dense_rank() OVER (PARTITION BY run ORDER BY least_samples DESC, both_samples DESC, cosine DESC, one, two)
              AS panel
  FROM counted
  WHERE both_samples > 0
),
placed AS (
  SELECT r.run, r.panel, r.one, r.archetype, r.name, r.other_class, r.cosine, r.samples, t.sample_id, t.split, t.label,
         t.similarity, t.margin,
         row_number() OVER (PARTITION BY r.run, r.panel, r.archetype ORDER BY t.margin DESC, t.sample_id) AS place
  FROM ranked r
  LEFT JOIN taken t ON t.run = r.run AND t.archetype = r.archetype AND t.label = r.other_class
  WHERE r.panel <= $panels
)
SELECT p.run, p.panel, CASE WHEN p.archetype = p.one THEN 'left' ELSE 'right' END AS side,
       p.name || ', archetype ' || CAST(p.archetype AS VARCHAR) AS heading,
       CAST(p.samples AS VARCHAR) || ' labelled ' || p.other_class || '; cosine of the pair '
         || CAST(round(p.cosine, 2) AS VARCHAR) AS note,
       p.archetype, p.place, p.sample_id, p.split, p.label, p.similarity, p.margin, true AS contradicts, t.flipped,
       s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
FROM placed p
LEFT JOIN samples s ON s.run = p.run AND s.sample_id = p.sample_id
LEFT JOIN truth t ON t.run = p.run AND t.sample_id = p.sample_id
WHERE p.place <= $panel_images
ORDER BY p.run, p.panel, CASE WHEN p.archetype = p.one THEN 0 ELSE 1 END, p.place
