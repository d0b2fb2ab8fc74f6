-- Valence and arousal that the outputs contradict (view `label_issues_va`), the farthest first.
SELECT * FROM label_issues_va
ORDER BY run, abs(z) DESC, sample_id, dimension, split
