-- Labels that a person may want to look at, of every task in one form, the most doubtful first: `place` 1. output: the
-- dimension or unit, null for expressions; label and suggested: what the database says and what is put in its place (classes as
-- in `classes`, scores, 0 or 1); votes: seeds (and folds) that doubt the label, of `seeds`; score: 0 to 1, less is more doubtful.
WITH together AS (
  SELECT i.run, i.sample_id, i.split, CAST(NULL AS VARCHAR) AS output, CAST(k.class AS DOUBLE) AS label,
         CAST(t.class AS DOUBLE) AS suggested, i.votes, i.seeds, 1 - i.doubt AS score, i.doubt AS weight, i.margin AS further
  FROM label_issues i
  JOIN classes k ON k.run = i.run AND k.class_name = i.label
  JOIN classes t ON t.run = i.run AND t.class_name = i.archetype_class
  UNION ALL
  SELECT run, sample_id, split, dimension, label, greatest(-1.0, least(1.0, round(output, 2))), votes, seeds, quality, abs(z), 0.0
  FROM label_issues_va
  UNION ALL
  SELECT run, sample_id, split, unit, CAST(label AS DOUBLE), CAST(1 - label AS DOUBLE), votes, seeds, quality,
         CAST(votes AS DOUBLE), 1 - quality
  FROM label_issues_au
)
SELECT run, sample_id, split, output, label, suggested, votes, seeds, score,
       row_number() OVER (PARTITION BY run ORDER BY weight DESC, further DESC NULLS LAST, sample_id, split, output, suggested) AS place
FROM together
