-- Samples whose valence or arousal the outputs contradict most (view `label_issues_va`), a panel a dimension: on the left those
-- labelled above what their face says, on the right those labelled below, the farthest first.
WITH told AS (
  SELECT i.*, k.class, CASE WHEN i.z < 0 THEN 'left' ELSE 'right' END AS side
  FROM label_issues_va i JOIN classes k ON k.run = i.run AND k.class_name = i.dimension
),
ranked AS (
  SELECT *, dense_rank() OVER (PARTITION BY run ORDER BY class) AS panel, count(*) OVER (PARTITION BY run, class, side) AS samples,
         row_number() OVER (PARTITION BY run, class, side ORDER BY abs(z) DESC, sample_id, split) AS place
  FROM told
),
-- Both sides of a panel are there, with or without samples.
sides AS (
  SELECT DISTINCT r.run, r.panel, r.dimension, s.side, s.word
  FROM ranked r CROSS JOIN (VALUES ('left', 'above'), ('right', 'below')) AS s (side, word)
)
SELECT s.run, s.panel, s.side, s.dimension || ' labelled ' || s.word || ' what the face says' AS heading,
       CAST(coalesce(r.samples, 0) AS VARCHAR) || CASE r.samples WHEN 1 THEN ' sample' ELSE ' samples' END AS note,
       r.place, r.sample_id, r.split,
       CAST(round(r.label, 2) AS VARCHAR) || ', said ' || CAST(round(r.output, 2) AS VARCHAR) AS label,
       CAST(NULL AS DOUBLE) AS similarity, r.z AS margin, true AS contradicts, r.flipped,
       i.image_path, i.bbox_x, i.bbox_y, i.bbox_w, i.bbox_h
FROM sides s
LEFT JOIN ranked r ON r.run = s.run AND r.panel = s.panel AND r.side = s.side AND r.place <= $panel_images
LEFT JOIN samples i ON i.run = r.run AND i.sample_id = r.sample_id
WHERE s.panel <= $panels
ORDER BY s.run, s.panel, s.side, r.place
