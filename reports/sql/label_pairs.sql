-- Pairs of neighbouring archetypes of different classes with the samples that each took from the other's class, as in the
-- paper's Figure 1 (a). Two archetypes are neighbours if each is, in the other's class, the one most similar to the other.
-- Samples are ranked by margin: similarity with their archetype less that with the nearest archetype of their label's class (where
-- none of these is among the listed archetypes, the last of the list stands for it). The first seed of each run.
WITH first_seed AS (
  SELECT run, min(fold) AS fold, min(seed) AS seed FROM archetypes GROUP BY run
),
kept AS (
  SELECT a.run, a.fold, a.seed, a.archetype, a.label_name, a.embedding,
         a.label_name || ' P'
           || CAST(row_number() OVER (PARTITION BY a.run, a.label ORDER BY a.uses DESC, a.archetype) AS VARCHAR) AS name
  FROM archetypes a
  JOIN first_seed f ON a.run = f.run AND a.seed = f.seed AND (a.fold IS NOT DISTINCT FROM f.fold)
  JOIN runs r ON a.run = r.run AND r.task = 'expression'
  WHERE a.active
),
near AS (
  SELECT a.run, a.archetype, a.label_name, b.archetype AS other, b.label_name AS other_class,
         1 - power(array_distance(a.embedding, b.embedding), 2) / 2 AS cosine,
         row_number() OVER (PARTITION BY a.run, a.archetype, b.label_name
                            ORDER BY array_distance(a.embedding, b.embedding), b.archetype) AS place
  FROM kept a JOIN kept b ON a.run = b.run AND a.label_name <> b.label_name
),
taken AS (
  SELECT a.run, a.fold, a.seed, a.sample_id, a.archetype, k.label_name AS archetype_class, s.expression_name AS label,
         a.similarity, a.top_archetypes, a.top_similarities,
         array_element(a.top_similarities, CAST(array_length(a.top_similarities) AS BIGINT)) AS last,
         s.split, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
  FROM assignments a
  JOIN kept k ON a.run = k.run AND a.seed = k.seed AND (a.fold IS NOT DISTINCT FROM k.fold) AND a.archetype = k.archetype
  JOIN samples s ON a.run = s.run AND a.sample_id = s.sample_id
  WHERE s.expression_name IS NOT NULL AND s.expression_name <> k.label_name
),
listed AS (
  SELECT run, sample_id, label, unnest(top_archetypes) AS archetype, unnest(top_similarities) AS similarity FROM taken
),
rival AS (
  SELECT l.run, l.sample_id, max(l.similarity) AS similarity
  FROM listed l JOIN kept k ON l.run = k.run AND l.archetype = k.archetype AND l.label = k.label_name
  GROUP BY l.run, l.sample_id
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
  SELECT s.run, s.one, s.two, s.cosine, s.archetype, s.other, a.name, a.label_name AS own_class,
         b.name AS other_name, b.label_name AS other_class, coalesce(c.samples, 0) AS samples,
         min(coalesce(c.samples, 0)) OVER (PARTITION BY s.run, s.one, s.two) AS least_samples,
         sum(coalesce(c.samples, 0)) OVER (PARTITION BY s.run, s.one, s.two) AS both_samples
  FROM sides s
  JOIN kept a ON s.run = a.run AND s.archetype = a.archetype
  JOIN kept b ON s.run = b.run AND s.other = b.archetype
  LEFT JOIN counts c ON s.run = c.run AND s.archetype = c.archetype AND b.label_name = c.label
),
ranked AS (
  SELECT *, dense_rank() OVER (PARTITION BY run ORDER BY least_samples DESC, both_samples DESC, cosine DESC, one, two)
              AS panel
  FROM counted
  WHERE both_samples > 0
),
placed AS (
  SELECT r.run, r.panel, r.one, r.archetype, r.name, r.own_class, r.other_class, r.cosine, r.samples, t.sample_id, t.split,
         t.label, t.similarity, t.similarity - coalesce(v.similarity, t.last) AS margin,
         t.image_path, t.bbox_x, t.bbox_y, t.bbox_w, t.bbox_h,
         row_number() OVER (PARTITION BY r.run, r.panel, r.archetype
                            ORDER BY t.similarity - coalesce(v.similarity, t.last) DESC, t.sample_id) AS place
  FROM ranked r
  LEFT JOIN taken t ON r.run = t.run AND r.archetype = t.archetype AND r.other_class = t.label
  LEFT JOIN rival v ON t.run = v.run AND t.sample_id = v.sample_id
  WHERE r.panel <= $panels
)
SELECT run, panel, CASE WHEN archetype = one THEN 'left' ELSE 'right' END AS side,
       name || ', archetype ' || CAST(archetype AS VARCHAR) AS heading,
       CAST(samples AS VARCHAR) || ' labelled ' || other_class || '; cosine of the pair '
         || CAST(round(cosine, 2) AS VARCHAR) AS note,
       archetype, place, sample_id, split, label, similarity, margin, true AS contradicts,
       image_path, bbox_x, bbox_y, bbox_w, bbox_h
FROM placed
WHERE place <= $panel_images
ORDER BY run, panel, CASE WHEN archetype = one THEN 0 ELSE 1 END, place
