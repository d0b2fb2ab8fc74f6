-- Failures, as in the paper's Figure 4: of each class the archetype that took the most test samples of other classes. On the
-- left its support (of the training samples of its class that are matched with it, those most similar to it), on the right
-- the samples of other classes, most similar first, with their margin over the second nearest archetype. The first seed.
WITH first_seed AS (
  SELECT run, min(fold) AS fold, min(seed) AS seed FROM archetypes GROUP BY run
),
kept AS (
  SELECT a.run, a.fold, a.seed, a.archetype, a.label, a.label_name, a.uses,
         a.label_name || ' P'
           || CAST(row_number() OVER (PARTITION BY a.run, a.label ORDER BY a.uses DESC, a.archetype) AS VARCHAR) AS name
  FROM archetypes a
  JOIN first_seed f ON a.run = f.run AND a.seed = f.seed AND (a.fold IS NOT DISTINCT FROM f.fold)
  JOIN runs r ON a.run = r.run AND r.task = 'expression'
  WHERE a.active
),
matched AS (
  SELECT a.run, a.archetype, a.sample_id, a.split, a.similarity, a.margin, k.label_name, s.expression_name AS label,
         s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
  FROM assignments a
  JOIN kept k ON a.run = k.run AND a.seed = k.seed AND (a.fold IS NOT DISTINCT FROM k.fold) AND a.archetype = k.archetype
  JOIN samples s ON a.run = s.run AND a.sample_id = s.sample_id
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
  SELECT c.run, c.panel, 'left' AS side, m.sample_id, m.label, m.similarity, m.margin, m.split, false AS contradicts,
         row_number() OVER (PARTITION BY c.run, c.panel ORDER BY m.similarity DESC, m.sample_id) AS place,
         m.image_path, m.bbox_x, m.bbox_y, m.bbox_w, m.bbox_h
  FROM chosen c
  JOIN matched m ON c.run = m.run AND c.archetype = m.archetype AND m.split = 'train' AND m.label = c.label_name
  UNION ALL
  SELECT c.run, c.panel, 'right', m.sample_id, m.label, m.similarity, m.margin, m.split, true,
         row_number() OVER (PARTITION BY c.run, c.panel ORDER BY m.similarity DESC, m.sample_id),
         m.image_path, m.bbox_x, m.bbox_y, m.bbox_w, m.bbox_h
  FROM chosen c
  JOIN matched m ON c.run = m.run AND c.archetype = m.archetype AND m.split = 'test' AND m.label <> c.label_name
)
SELECT s.run, s.panel, s.side,
       CASE s.side WHEN 'left' THEN c.name || ', archetype ' || CAST(c.archetype AS VARCHAR)
                   ELSE 'assigned to it, labelled otherwise' END AS heading,
       CASE s.side WHEN 'left' THEN 'support of ' || CAST(c.uses AS VARCHAR) || ' training samples'
                   ELSE CAST(c.errors AS VARCHAR) || ' of the test split' END AS note,
       c.archetype, s.place, s.sample_id, s.split, s.label, s.similarity, s.margin, s.contradicts,
       s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h
FROM sides s JOIN chosen c ON s.run = c.run AND s.panel = c.panel
WHERE s.panel <= $panels AND s.place <= $panel_images
ORDER BY s.run, s.panel, s.side, s.place
