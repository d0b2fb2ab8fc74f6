-- Labels of action units that the outputs contradict (view `label_issues_au`): those that most seeds doubt, the least quality
-- first.
SELECT run, sample_id, split, unit, CASE label WHEN 1 THEN 'active' ELSE 'inactive' END AS label, output, votes, seeds, quality,
       sample_quality, flipped
FROM label_issues_au
ORDER BY run, votes DESC, quality, sample_id, unit, split
