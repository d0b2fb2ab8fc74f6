-- Samples whose label contradicts the class of their archetype (view `label_issues`), the most doubtful first.
SELECT * FROM label_issues
ORDER BY run, doubt DESC, margin DESC NULLS LAST, sample_id
