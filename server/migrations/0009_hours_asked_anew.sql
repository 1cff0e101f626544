-- Hours of shares that begin with the session passed for hours in which nothing was traded: what hours were asked for is asked once
-- more. What is kept stays.
DELETE FROM history_asked WHERE timeframe = 3600;
