SELECT run, 1 AS epoch, archetype AS "from", archetype AS "to", 1 AS n, 'start' AS cause FROM archetypes WHERE false
