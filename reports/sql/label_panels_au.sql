-- Samples whose label of an action unit the outputs contradict (view `label_issues_au`), a panel a unit, those with the most
-- such labels first: on the left labelled active, on the right labelled inactive, the least quality first.
WITH told AS (
  SELECT *, CASE label WHEN 1 THEN 'left' ELSE 'right' END AS side FROM label_issues_au
),
units AS (
  SELECT run, unit, row_number() OVER (PARTITION BY run ORDER BY sum(votes) DESC, unit) AS panel FROM told GROUP BY run, unit
),
ranked AS (
  SELECT t.*, count(*) OVER (PARTITION BY t.run, t.unit, t.side) AS samples,
         row_number() OVER (PARTITION BY t.run, t.unit, t.side ORDER BY t.votes DESC, t.quality, t.sample_id, t.split) AS place
  FROM told t
),
-- Both sides of a panel are there, with or without samples.
sides AS (
  SELECT u.run, u.panel, u.unit, s.side, s.word
  FROM units u CROSS JOIN (VALUES ('left', 'active'), ('right', 'inactive')) AS s (side, word)
)
SELECT s.run, s.panel, s.side, s.unit || ' labelled ' || s.word || ', said otherwise' AS heading,
       CAST(coalesce(r.samples, 0) AS VARCHAR) || CASE r.samples WHEN 1 THEN ' sample' ELSE ' samples' END AS note,
       r.place, r.sample_id, r.split, s.word AS label,
       CAST(NULL AS DOUBLE) AS similarity, r.output AS margin, true AS contradicts, r.flipped,
       i.image_path, i.bbox_x, i.bbox_y, i.bbox_w, i.bbox_h
FROM sides s
LEFT JOIN ranked r ON r.run = s.run AND r.unit = s.unit AND r.side = s.side AND r.place <= $panel_images
LEFT JOIN samples i ON i.run = r.run AND i.sample_id = r.sample_id
WHERE s.panel <= $panels
ORDER BY s.run, s.panel, s.side, r.place
