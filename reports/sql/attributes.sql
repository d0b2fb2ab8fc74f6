-- How many samples of each split are in each group of an attribute; those of which it is not known stand last.
SELECT a.run, a.attribute, coalesce(a.value, '(not known)') AS part_name,
       count(*) FILTER (WHERE s.split = 'train') AS train, count(*) FILTER (WHERE s.split = 'val') AS val,
       count(*) FILTER (WHERE s.split = 'test') AS test
FROM attributes a
JOIN samples s ON s.run = a.run AND s.sample_id = a.sample_id
GROUP BY a.run, a.attribute, a.value
ORDER BY a.run, a.attribute, a.value NULLS LAST
