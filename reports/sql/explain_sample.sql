-- One sample: what the database says of it, and on stand-ins what was drawn.
SELECT s.run, s.sample_id, s.split, s.subject, s.image_path, s.bbox_x, s.bbox_y, s.bbox_w, s.bbox_h,
       s.expression_name AS label, t.mode, t.expression_name AS drawn, t.flipped
FROM samples s
LEFT JOIN truth t ON s.run = t.run AND s.sample_id = t.sample_id
WHERE s.sample_id = $sample
ORDER BY s.run
