-- Spans of which a venue gives nothing, and minutes whose bar could not be, passed for asked: every feed is asked once more for what
-- is not kept. What is kept stays.
DELETE FROM history_asked;
