-- Pictures that two splits share (view `duplicates`): training and validation samples whose image file, or whose features, are
-- those of a sample in a later split.
SELECT run, fold, split, sample_id, same_split, same_as, CASE same WHEN 'bytes' THEN 'image files' ELSE 'features' END AS equal,
  CASE WHEN dropped THEN 'left out' ELSE 'learned from' END AS done
FROM duplicates
ORDER BY run, fold, same_split, split, sample_id
