-- Labels to look at (view `label_review`), the `$issues` most doubtful, and how many there are.
SELECT run, sample_id, split, output, label, suggested, votes, seeds, score, place, count(*) OVER (PARTITION BY run) AS issues
FROM label_review
ORDER BY run, place
LIMIT $issues
