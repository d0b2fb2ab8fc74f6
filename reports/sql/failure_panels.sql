-- Failures, as in the paper's Figure 4: of each class the archetype that took the most test samples of other classes. On the
-- left its support (of the training samples of its class that are matched with it, those most similar to it), on the right
-- the samples of other classes, most similar first, with their margin over the second nearest archetype. The first seed.
WITH kept AS (
  SELECT n.run, n.fold, n.seed, n.archetype, n.label, n.label_name, n.uses, n.name
  FROM archetype_names n
  JOIN first_seeds f ON f.run = n.run AND f.seed = n.seed AND (f.fold IS NOT DISTINCT FROM n.fold)
  JOIN runs r ON r.run = n.run AND r.task = 'expression'
),
matched AS (
  SELECT a.run, a.archetype, a.sample_id, a.split, a.similarity, a.margin, k.label_name, s.expression_name AS label
  FROM assignments a
  JOIN kept k ON k.run = a.run AND k.seed = a.seed AND (k.fold IS NOT DISTINCT FROM a.fold) AND k.archetype = a.archetype
  JOIN samples s ON s.run = a.run AND s.sample_id = a.sample_id
  WHERE s.expression_name IS NOT NULL
),
wrong AS (
  SELECT run, archetype, count(*) AS errors FROM matched WHERE split = 'test' AND label <> label_name
  GROUP BY run, archetype
),
worst AS (
  SELECT k.run, k.archetype, k.label, k.label_name, k.name, k.uses, w.errors,
         row_number() OVER (PARTITION BY k.run, k.label ORDER BY w.errors DESC, k.uses DESC, k.archetype) AS of_class
  FROM kept k JOIN wrong w ON k.run = w.run AND k.archetype = w.archetype
),
chosen AS (
  SELECT *, row_number() OVER (PARTITION BY run ORDER BY errors DESC, label) AS panel FROM worst WHERE of_class = 1
),
sides AS (
  SELECT c.run, c.panel, CASE m.split WHEN 'train' THEN 'left' ELSE 'right' END AS side, m.sample_id, m.label, m.similarity,
         m.margin, m.split, m.split = 'test' AS contradicts,
         row_number() OVER (PARTITION BY c.run, c.panel, m.split ORDER BY m.similarity DESC, m.sample_id) AS place
  FROM chosen c
  JOIN matched m ON m.run = c.run AND m.archetype = c.archetype
  WHERE m.split = 'train' AND m.label = m.label_name OR m.split = 'test' AND m.label <> m.label_name
)
SELECT s.run, s.panel, s.side,
       CASE s.side WHEN 'left' THEN c.name || ', archetype ' || CAST(c.archetype AS VARCHAR)
                   ELSE 'assigned to it, labelled otherwise' END AS heading,
       CASE s.side WHEN 'left' THEN 'support of ' || CAST(c.uses AS VARCHAR) || ' training samples'
                   ELSE CAST(c.errors AS VARCHAR) || ' of the test split' END AS note,
       c.archetype, s.place, s.sample_id, s.split, s.label, s.similarity, s.margin, s.contradicts, t.flipped,
       i.image_path, i.bbox_x, i.bbox_y, i.bbox_w, i.bbox_h
FROM sides s
JOIN chosen c ON c.run = s.run AND c.panel = s.panel
LEFT JOIN samples i ON i.run = s.run AND i.sample_id = s.sample_id
LEFT JOIN truth t ON t.run = s.run AND t.sample_id = s.sample_id
WHERE s.panel <= $panels AND s.place <= $panel_images
ORDER BY s.run, s.panel, s.side, s.place
