-- Labels that a person may want to look at, of every task in one form, one row a sample and output, the most doubtful first:
-- `place` 1. output: the dimension or unit, null for expressions; label and suggested: what the database says and what is put in its
-- place (classes as in `classes`, scores, 0 or 1), by most models; votes: models (a seed, of a fold) that doubt the label, of
-- `seeds` that were asked, whatever they suggest; score: 0 to 1, less is more doubtful. With folds, valence, arousal and units are
-- those of the split in which most of the models doubt: as a test sample, or as one that was trained on.
WITH expressions AS (
  SELECT run, sample_id, split, label, archetype_class, seeds, margin,
         sum(votes) OVER (PARTITION BY run, sample_id) AS votes, sum(doubt) OVER (PARTITION BY run, sample_id) AS doubt,
         row_number() OVER (PARTITION BY run, sample_id ORDER BY votes DESC, doubt DESC, archetype_class) AS first
  FROM label_issues
),
scores AS (
  SELECT *, row_number() OVER (PARTITION BY run, sample_id, dimension
                               ORDER BY CAST(votes AS DOUBLE) / seeds DESC, abs(z) DESC, split) AS first
  FROM label_issues_va
),
units AS (
  SELECT *, row_number() OVER (PARTITION BY run, sample_id, unit
                               ORDER BY CAST(votes AS DOUBLE) / seeds DESC, quality, split) AS first
  FROM label_issues_au
),
together AS (
  SELECT i.run, i.sample_id, i.split, CAST(NULL AS VARCHAR) AS output, CAST(k.class AS DOUBLE) AS label,
         CAST(t.class AS DOUBLE) AS suggested, CAST(i.votes AS BIGINT) AS votes, i.seeds, 1 - i.doubt AS score, i.doubt AS weight,
         i.margin AS further
  FROM expressions i
  JOIN classes k ON k.run = i.run AND k.class_name = i.label
  JOIN classes t ON t.run = i.run AND t.class_name = i.archetype_class
  WHERE i.first = 1
  UNION ALL
  SELECT run, sample_id, split, dimension, label, greatest(-1.0, least(1.0, round(output, 2))), votes, seeds, quality, abs(z), 0.0
  FROM scores WHERE first = 1
  UNION ALL
  SELECT run, sample_id, split, unit, CAST(label AS DOUBLE), CAST(1 - label AS DOUBLE), votes, seeds, quality,
         CAST(votes AS DOUBLE) / seeds, 1 - quality
  FROM units WHERE first = 1
)
SELECT run, sample_id, split, output, label, suggested, votes, seeds, score,
       row_number() OVER (PARTITION BY run ORDER BY weight DESC, further DESC NULLS LAST, sample_id, split, output, suggested) AS place
FROM together
