-- Test samples of which predictions made elsewhere say nothing that counts, and what the protocol makes of them.
SELECT m.run, m.fold, m.seed, m.sample_id, s.expression_name AS label,
       CASE m.reason WHEN 'no_row' THEN 'no row' WHEN 'no_face' THEN 'the tool found no face' WHEN 'no_values' THEN 'the row is empty'
                     ELSE 'a class that is none of the protocol''s' END AS why,
       CASE WHEN m.reason = 'other_class' OR p.sample_id IS NOT NULL THEN 'counts as wrong' ELSE 'is left out' END AS counts
FROM missing m
JOIN runs r ON r.run = m.run
LEFT JOIN samples s ON s.run = m.run AND s.sample_id = m.sample_id AND r.task = 'expression'
LEFT JOIN predictions p
  ON p.run = m.run AND p.seed = m.seed AND (p.fold IS NOT DISTINCT FROM m.fold) AND p.sample_id = m.sample_id AND p.method = r.method
ORDER BY m.run, m.fold, m.seed, m.sample_id
