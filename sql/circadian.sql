-- Circadian: sleep, meals and light of people, and what they are recommended. Times of events are UTC; days are local.

-- version 1: raw and typed activity, local days, recommendations

CREATE TABLE IF NOT EXISTS USER_ACTIVITY (
  RECORD_METADATA VARIANT,
  RECORD_CONTENT VARIANT,
  USER_ID VARCHAR,
  ACTIVITY_TYPE VARCHAR,
  TIMESTAMP TIMESTAMP_NTZ,
  TIME_ZONE VARCHAR
);
COMMENT ON TABLE USER_ACTIVITY IS 'Sleep, meals and light as they came, one row per Kafka record, in the layout of the Snowflake Kafka connector and with typed columns';
COMMENT ON COLUMN USER_ACTIVITY.ACTIVITY_TYPE IS 'sleep, meal or light';
COMMENT ON COLUMN USER_ACTIVITY.TIMESTAMP IS 'Event time, UTC: when it ended, for sleep the waking';
COMMENT ON COLUMN USER_ACTIVITY.TIME_ZONE IS 'IANA time zone that the user was in';

CREATE TABLE IF NOT EXISTS CIRCADIAN_DAILY_PARTS (
  KAFKA_PARTITION BIGINT,
  USER_ID VARCHAR,
  TIME_ZONE VARCHAR,
  LOCAL_DATE DATE,
  WINDOW_START TIMESTAMP_NTZ,
  WINDOW_END TIMESTAMP_NTZ,
  SLEEP_COUNT BIGINT,
  SLEEP_HOURS DOUBLE,
  MAIN_SLEEP_HOURS DOUBLE,
  SLEEP_MIDPOINT DOUBLE,
  MEAL_COUNT BIGINT,
  FIRST_MEAL_AT TIMESTAMP_NTZ,
  LAST_MEAL_AT TIMESTAMP_NTZ,
  LIGHT_COUNT BIGINT,
  LIGHT_LUX_HOURS DOUBLE,
  IS_FINAL BOOLEAN,
  VERSION BIGINT,
  UPDATED_AT TIMESTAMP_NTZ
);
COMMENT ON TABLE CIRCADIAN_DAILY_PARTS IS 'What each Kafka partition adds to CIRCADIAN_DAILY; key: KAFKA_PARTITION, USER_ID, TIME_ZONE, WINDOW_START';
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.MAIN_SLEEP_HOURS IS 'Length of the longest sleep';

-- The circular standard deviation is sqrt(-2 ln R), R being the length of the mean of unit vectors (Mardia and Jupp,
-- Directional Statistics, 2000), so that 23:50 and 00:10 are near each other. The standard deviation of the middle of sleep is
-- one of the measures of regularity that Fischer, Klerman and Phillips compare (Sleep 2021; 44(10): zsab103).
CREATE OR REPLACE VIEW CIRCADIAN_DAILY AS
WITH DAYS AS (
  SELECT
    USER_ID,
    LOCAL_DATE,
    TIME_ZONE,
    WINDOW_START,
    MAX(WINDOW_END) AS WINDOW_END,
    CAST(SUM(SLEEP_COUNT) AS BIGINT) AS SLEEP_COUNT,
    SUM(SLEEP_HOURS) AS SLEEP_HOURS,
    MAX_BY(SLEEP_MIDPOINT, MAIN_SLEEP_HOURS) AS SLEEP_MIDPOINT,
    CAST(SUM(MEAL_COUNT) AS BIGINT) AS MEAL_COUNT,
    MIN(FIRST_MEAL_AT) AS FIRST_MEAL_AT,
    MAX(LAST_MEAL_AT) AS LAST_MEAL_AT,
    SUM(LIGHT_COUNT) AS LIGHT_COUNT,
    SUM(LIGHT_LUX_HOURS) AS LIGHT_LUX_HOURS,
    MIN(CASE WHEN IS_FINAL THEN 1 ELSE 0 END) = 1 AS IS_FINAL,
    CAST(SUM(VERSION) - COUNT(*) + 1 AS BIGINT) AS VERSION,
    MAX(UPDATED_AT) AS UPDATED_AT
  FROM CIRCADIAN_DAILY_PARTS
  GROUP BY USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START
),
WEEKS AS (
  SELECT
    D.USER_ID,
    D.LOCAL_DATE,
    D.TIME_ZONE,
    COUNT(*) AS NIGHTS,
    SQRT(POWER(AVG(COS(W.SLEEP_MIDPOINT * PI() / 12)), 2) + POWER(AVG(SIN(W.SLEEP_MIDPOINT * PI() / 12)), 2)) AS R
  FROM DAYS AS D
  JOIN DAYS AS W
    ON W.USER_ID = D.USER_ID AND W.LOCAL_DATE >= D.LOCAL_DATE - 6 AND W.LOCAL_DATE <= D.LOCAL_DATE
  WHERE W.SLEEP_MIDPOINT IS NOT NULL
  GROUP BY D.USER_ID, D.LOCAL_DATE, D.TIME_ZONE
)
SELECT
  D.USER_ID,
  D.LOCAL_DATE,
  D.TIME_ZONE,
  D.WINDOW_START,
  D.WINDOW_END,
  CASE WHEN D.SLEEP_COUNT > 0 THEN D.SLEEP_HOURS END AS SLEEP_HOURS,
  D.SLEEP_MIDPOINT,
  CASE WHEN W.NIGHTS >= 2 THEN SQRT(-2 * LN(LEAST(1, GREATEST(W.R, 1e-9)))) * 12 / PI() END AS SLEEP_REGULARITY,
  CAST(DATEDIFF('microsecond', D.FIRST_MEAL_AT, D.LAST_MEAL_AT) AS DOUBLE) / 3600000000 AS EATING_WINDOW_HOURS,
  D.MEAL_COUNT,
  CASE WHEN D.LIGHT_COUNT > 0 THEN D.LIGHT_LUX_HOURS END AS LIGHT_LUX_HOURS,
  D.IS_FINAL,
  D.VERSION,
  D.UPDATED_AT
FROM DAYS AS D
LEFT JOIN WEEKS AS W ON W.USER_ID = D.USER_ID AND W.LOCAL_DATE = D.LOCAL_DATE AND W.TIME_ZONE = D.TIME_ZONE;
COMMENT ON VIEW CIRCADIAN_DAILY IS 'A user''s local day, from midnight to midnight in TIME_ZONE; a day spent in two zones is two rows. SLEEP_HOURS: all sleep that ended on the day, naps too. SLEEP_MIDPOINT: middle of the longest sleep by the local clock, in hours after midnight of LOCAL_DATE (-0.5 is 23:30 the evening before). SLEEP_REGULARITY: circular standard deviation of SLEEP_MIDPOINT in hours over the 7 local days up to this one, 0 is perfectly regular, NULL of fewer than 2 nights. EATING_WINDOW_HOURS: from the first meal to the last. LIGHT_LUX_HOURS: sum of lux times hours measured. NULL where nothing was recorded. IS_FINAL once the watermark has passed WINDOW_END';

CREATE TABLE IF NOT EXISTS RECOMMENDATIONS_PARTS (
  KAFKA_PARTITION BIGINT,
  USER_ID VARCHAR,
  LAST_SLEEP_AT TIMESTAMP_NTZ,
  RECOMMENDATION VARIANT,
  UPDATED_AT TIMESTAMP_NTZ
);
COMMENT ON TABLE RECOMMENDATIONS_PARTS IS 'The recommendation from each Kafka partition''s sleep of a user; key: KAFKA_PARTITION, USER_ID';

CREATE OR REPLACE VIEW RECOMMENDATIONS AS
SELECT USER_ID, RECOMMENDATION, LAST_SLEEP_AT, UPDATED_AT
FROM RECOMMENDATIONS_PARTS
QUALIFY ROW_NUMBER() OVER (PARTITION BY USER_ID ORDER BY LAST_SLEEP_AT DESC, KAFKA_PARTITION) = 1;
COMMENT ON VIEW RECOMMENDATIONS IS 'A user''s current recommendation, from sleep up to LAST_SLEEP_AT: phase of the body clock, times of sleep and light by the local clock, advice. General guidance, not medical advice';

-- version 2: sums, main sleep and regularity the same whatever partitions the records came in, versions of the whole week

ALTER TABLE CIRCADIAN_DAILY_PARTS ADD COLUMN IF NOT EXISTS SLEEP_HOURS_LOW DOUBLE;
ALTER TABLE CIRCADIAN_DAILY_PARTS ADD COLUMN IF NOT EXISTS SLEEP_HOURS_LOWEST DOUBLE;
ALTER TABLE CIRCADIAN_DAILY_PARTS ADD COLUMN IF NOT EXISTS LIGHT_LUX_HOURS_LOW DOUBLE;
ALTER TABLE CIRCADIAN_DAILY_PARTS ADD COLUMN IF NOT EXISTS LIGHT_LUX_HOURS_LOWEST DOUBLE;
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.SLEEP_HOURS IS 'Sum to the nearest 2^-21; of rows without SLEEP_HOURS_LOW, which an older Freshet wrote, all of the sum';
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.SLEEP_HOURS_LOW IS 'What SLEEP_HOURS leaves of the sum, to the nearest 2^-64';
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.SLEEP_HOURS_LOWEST IS 'What both leave, NULL for nothing, as nearly always; greater than 1e300 when the sum is beyond the range of a DOUBLE';
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.LIGHT_LUX_HOURS IS 'Sum to the nearest 2^-21; of rows without LIGHT_LUX_HOURS_LOW, which an older Freshet wrote, all of the sum';
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.LIGHT_LUX_HOURS_LOW IS 'What LIGHT_LUX_HOURS leaves of the sum, to the nearest 2^-64';
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.LIGHT_LUX_HOURS_LOWEST IS 'What both leave, NULL for nothing, as nearly always; greater than 1e300 when the sum is beyond the range of a DOUBLE';
ALTER TABLE CIRCADIAN_DAILY_PARTS ADD COLUMN IF NOT EXISTS SLEEP_MIDPOINT_AT TIMESTAMP_NTZ;
COMMENT ON COLUMN CIRCADIAN_DAILY_PARTS.SLEEP_MIDPOINT_AT IS 'When the longest sleep ended, UTC; NULL in rows that an older Freshet wrote';

-- Sums of the parts in SQL depend neither on the order nor on how keys lie in partitions: HIGH and LOW are whole numbers of a power
-- of two, so adding them loses nothing. TOTAL is their sum rounded, LEFT exactly what that lost (Dekker's fast two-sum) and what is
-- lower still, which hardly any row has: those are looked up by themselves, as reading more columns of all rows would be slow.
-- The longest sleep of a day is, of equal ones, the one that ended first; of rows without SLEEP_MIDPOINT_AT, the one with the
-- smallest SLEEP_MIDPOINT.
-- The circular standard deviation is sqrt(-2 ln R), R being the length of the mean of unit vectors (Mardia and Jupp,
-- Directional Statistics, 2000), so that 23:50 and 00:10 are near each other. The vectors are added up as decimals, whose sum
-- does not depend on the order. The standard deviation of the middle of sleep is one of the measures of regularity that
-- Fischer, Klerman and Phillips compare (Sleep 2021; 44(10): zsab103).
-- A week holds only days that ended no later than the day itself, as others are still open when that one is final.
CREATE OR REPLACE VIEW CIRCADIAN_DAILY AS
WITH LOWEST AS (
  SELECT USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START, SUM(LOWEST_1) AS LOWEST_1, SUM(LOWEST_2) AS LOWEST_2
  FROM (
    SELECT USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START, SLEEP_HOURS_LOWEST AS LOWEST_1, CAST(NULL AS DOUBLE) AS LOWEST_2
    FROM CIRCADIAN_DAILY_PARTS WHERE SLEEP_HOURS_LOWEST IS NOT NULL
    UNION ALL
    SELECT USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START, CAST(NULL AS DOUBLE) AS LOWEST_1, LIGHT_LUX_HOURS_LOWEST AS LOWEST_2
    FROM CIRCADIAN_DAILY_PARTS WHERE LIGHT_LUX_HOURS_LOWEST IS NOT NULL
  ) AS PARTS
  GROUP BY USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START
),
SUMS AS (
  SELECT
    USER_ID,
    LOCAL_DATE,
    TIME_ZONE,
    WINDOW_START,
    MAX(WINDOW_END) AS WINDOW_END,
    CAST(SUM(SLEEP_COUNT) AS BIGINT) AS SLEEP_COUNT,
    CAST(SUM(MEAL_COUNT) AS BIGINT) AS MEAL_COUNT,
    MIN(FIRST_MEAL_AT) AS FIRST_MEAL_AT,
    MAX(LAST_MEAL_AT) AS LAST_MEAL_AT,
    SUM(LIGHT_COUNT) AS LIGHT_COUNT,
    CAST(SUM(VERSION) - COUNT(*) + 1 AS BIGINT) AS VERSION,
    MAX(UPDATED_AT) AS UPDATED_AT,
    SUM(SLEEP_HOURS) AS HIGH_1,
    COALESCE(SUM(SLEEP_HOURS_LOW), 0) AS LOW_1,
    SUM(LIGHT_LUX_HOURS) AS HIGH_2,
    COALESCE(SUM(LIGHT_LUX_HOURS_LOW), 0) AS LOW_2
  FROM CIRCADIAN_DAILY_PARTS
  GROUP BY USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START
),
MAIN_SLEEPS AS (
  SELECT USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START, SLEEP_MIDPOINT
  FROM CIRCADIAN_DAILY_PARTS
  WHERE SLEEP_MIDPOINT IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY USER_ID, LOCAL_DATE, TIME_ZONE, WINDOW_START
    ORDER BY MAIN_SLEEP_HOURS DESC, SLEEP_MIDPOINT_AT NULLS LAST, SLEEP_MIDPOINT
  ) = 1
),
TOTALS AS (
  SELECT
    SUMS.*,
    CASE WHEN COALESCE(LOWEST_1, 0) < 1e300 THEN HIGH_1 + LOW_1 END AS TOTAL_1,
    LOW_1 - (HIGH_1 + LOW_1 - HIGH_1) + COALESCE(LOWEST_1, 0) AS LEFT_1,
    CASE WHEN COALESCE(LOWEST_2, 0) < 1e300 THEN HIGH_2 + LOW_2 END AS TOTAL_2,
    LOW_2 - (HIGH_2 + LOW_2 - HIGH_2) + COALESCE(LOWEST_2, 0) AS LEFT_2
  FROM SUMS
  LEFT JOIN LOWEST
    ON LOWEST.USER_ID = SUMS.USER_ID
    AND LOWEST.LOCAL_DATE = SUMS.LOCAL_DATE
    AND LOWEST.TIME_ZONE = SUMS.TIME_ZONE
    AND LOWEST.WINDOW_START = SUMS.WINDOW_START
),
DAYS AS (
  SELECT
    T.*,
    M.SLEEP_MIDPOINT,
    CAST(COS(M.SLEEP_MIDPOINT * PI() / 12) AS DECIMAL(18, 15)) AS X,
    CAST(SIN(M.SLEEP_MIDPOINT * PI() / 12) AS DECIMAL(18, 15)) AS Y
  FROM TOTALS AS T
  LEFT JOIN MAIN_SLEEPS AS M
    ON M.USER_ID = T.USER_ID AND M.LOCAL_DATE = T.LOCAL_DATE AND M.TIME_ZONE = T.TIME_ZONE
    AND M.WINDOW_START = T.WINDOW_START
),
WEEKS AS (
  SELECT
    D.USER_ID,
    D.LOCAL_DATE,
    D.TIME_ZONE,
    D.WINDOW_START,
    COUNT(W.SLEEP_MIDPOINT) AS NIGHTS,
    CAST(SUM(W.X) AS DOUBLE) AS X,
    CAST(SUM(W.Y) AS DOUBLE) AS Y,
    CAST(1 + SUM(W.VERSION - 1) AS BIGINT) AS VERSION
  FROM DAYS AS D
  JOIN DAYS AS W
    ON W.USER_ID = D.USER_ID AND W.LOCAL_DATE >= D.LOCAL_DATE - 6 AND W.LOCAL_DATE <= D.LOCAL_DATE
    AND W.WINDOW_END <= D.WINDOW_END
  GROUP BY D.USER_ID, D.LOCAL_DATE, D.TIME_ZONE, D.WINDOW_START
),
SPREADS AS (
  SELECT *, CASE WHEN NIGHTS >= 2 THEN SQRT(X * X + Y * Y) / NIGHTS END AS R FROM WEEKS
)
SELECT
  D.USER_ID,
  D.LOCAL_DATE,
  D.TIME_ZONE,
  D.WINDOW_START,
  D.WINDOW_END,
  CASE WHEN D.SLEEP_COUNT > 0 AND ABS(D.TOTAL_1) <= 1.7976931348623157e308 THEN D.TOTAL_1 + D.LEFT_1 END AS SLEEP_HOURS,
  D.SLEEP_MIDPOINT,
  CASE WHEN S.R IS NOT NULL THEN SQRT(-2 * LN(LEAST(1, GREATEST(S.R, 1e-9)))) * 12 / PI() END AS SLEEP_REGULARITY,
  CAST(DATEDIFF('microsecond', D.FIRST_MEAL_AT, D.LAST_MEAL_AT) AS DOUBLE) / 3600000000 AS EATING_WINDOW_HOURS,
  D.MEAL_COUNT,
  CASE WHEN D.LIGHT_COUNT > 0 AND ABS(D.TOTAL_2) <= 1.7976931348623157e308 THEN D.TOTAL_2 + D.LEFT_2 END AS LIGHT_LUX_HOURS,
  COALESCE(
    D.WINDOW_END <= (
      SELECT FINAL_UP_TO FROM FRESHET_FINAL WHERE DOMAIN = 'circadian' AND OPERATOR = 'CIRCADIAN_DAILY_PARTS'
    ),
    FALSE
  ) AS IS_FINAL,
  S.VERSION,
  D.UPDATED_AT
FROM DAYS AS D
JOIN SPREADS AS S
  ON S.USER_ID = D.USER_ID AND S.LOCAL_DATE = D.LOCAL_DATE AND S.TIME_ZONE = D.TIME_ZONE
  AND S.WINDOW_START = D.WINDOW_START;
COMMENT ON VIEW CIRCADIAN_DAILY IS 'A user''s local day, from midnight to midnight in TIME_ZONE; a day spent in two zones is two rows. SLEEP_HOURS: all sleep that ended on the day, naps too. SLEEP_MIDPOINT: middle of the longest sleep (of equals, of the one that ended first) by the local clock, in hours after midnight of LOCAL_DATE (-0.5 is 23:30 the evening before). SLEEP_REGULARITY: circular standard deviation of SLEEP_MIDPOINT in hours over the 7 local days up to this one, of those that ended no later, 0 is perfectly regular, NULL of fewer than 2 nights. EATING_WINDOW_HOURS: from the first meal to the last. LIGHT_LUX_HOURS: sum of lux times hours measured. NULL where nothing was recorded. IS_FINAL once the watermark of every partition has passed WINDOW_END. VERSION rises with every correction of one of the days that SLEEP_REGULARITY looks at';

-- version 3: activities as queries of the system before ask for them

CREATE OR REPLACE VIEW USER_ACTIVITIES AS
SELECT
  USER_ID,
  CASE WHEN ACTIVITY_TYPE = 'light' THEN 'light_exposure' ELSE ACTIVITY_TYPE END AS ACTIVITY,
  TIMESTAMP
FROM USER_ACTIVITY;
COMMENT ON VIEW USER_ACTIVITIES IS 'What USER_ACTIVITY has, in the three columns and the words that it had before';
