-- 5. Optional: clustering of the large tables, once they have terabytes and queries for a span of time get slow. Rows come
-- in about the order of time, so Snowflake's natural clustering is good for long; keeping a key costs credits of its own
-- (Automatic Clustering), and most for tables whose rows change: those of windows and sessions. ALTER TABLE … DROP
-- CLUSTERING KEY takes it back. Run after `freshet migrate` has made the tables; those of domains that you do not run are
-- passed over. SELECT SYSTEM$ESTIMATE_AUTOMATIC_CLUSTERING_COSTS('<table>', '(<key>)') says what it would cost.
-- https://docs.snowflake.com/en/user-guide/tables-auto-reclustering

USE ROLE FRESHET_WRITER;
USE WAREHOUSE FRESHET_WH;
USE SCHEMA FRESHET_DB.FRESHET_SCHEMA;

-- trains
ALTER TABLE IF EXISTS ATS_RAW_JSON CLUSTER BY (TO_DATE(TO_TIMESTAMP_NTZ(RECORD_METADATA:CreateTime::NUMBER, 3)));
ALTER TABLE IF EXISTS ATS_TRANSFORMED CLUSTER BY (TO_DATE("TIMESTAMP"), TRAIN_ID);
ALTER TABLE IF EXISTS ATS_HOURLY_STATS_PARTS CLUSTER BY (TO_DATE(WINDOW_START));

-- rides
ALTER TABLE IF EXISTS RIDE_REQUESTS CLUSTER BY (TO_DATE("TIMESTAMP"), ZONE);
ALTER TABLE IF EXISTS RIDE_DEMAND_PARTS CLUSTER BY (TO_DATE(WINDOW_START));
ALTER TABLE IF EXISTS RIDE_HOURLY_STATS_PARTS CLUSTER BY (TO_DATE(WINDOW_START));

-- wine
ALTER TABLE IF EXISTS RAW_EVENTS_STREAM CLUSTER BY (TO_DATE(INGESTION_TIME));
ALTER TABLE IF EXISTS SALES_HOURLY_PARTS CLUSTER BY (TO_DATE(WINDOW_START));

-- actions
ALTER TABLE IF EXISTS USER_ACTIONS_RAW CLUSTER BY (TO_DATE(TO_TIMESTAMP_NTZ(RECORD_METADATA:CreateTime::NUMBER, 3)));
ALTER TABLE IF EXISTS USER_ACTIONS CLUSTER BY (TO_DATE("TIMESTAMP"));
ALTER TABLE IF EXISTS ACTIONS_PER_MINUTE_PARTS CLUSTER BY (TO_DATE(WINDOW_START));
ALTER TABLE IF EXISTS USER_SESSIONS CLUSTER BY (TO_DATE(WINDOW_START));

-- circadian
ALTER TABLE IF EXISTS USER_ACTIVITY CLUSTER BY (TO_DATE("TIMESTAMP"));

-- Queries for one train, ride, user or product among all time are what a clustering key by day does not help: the search
-- optimization service does (Enterprise Edition and up). It costs storage and credits of its own, too:
-- SELECT SYSTEM$ESTIMATE_SEARCH_OPTIMIZATION_COSTS('<table>', 'EQUALITY(<column>)') says how much. Take out the comment signs
-- of what you want; ALTER TABLE … DROP SEARCH OPTIMIZATION takes it back.
-- https://docs.snowflake.com/en/user-guide/search-optimization-service
--
-- ALTER TABLE IF EXISTS ATS_TRANSFORMED ADD SEARCH OPTIMIZATION ON EQUALITY(TRAIN_ID);
-- ALTER TABLE IF EXISTS RIDE_REQUESTS ADD SEARCH OPTIMIZATION ON EQUALITY(RIDE_ID, USER_ID);
-- ALTER TABLE IF EXISTS RAW_EVENTS_STREAM ADD SEARCH OPTIMIZATION ON EQUALITY(PRODUCT_ID, CUSTOMER_ID);
-- ALTER TABLE IF EXISTS USER_ACTIONS ADD SEARCH OPTIMIZATION ON EQUALITY(USER_ID, SESSION_ID);
-- ALTER TABLE IF EXISTS USER_ACTIVITY ADD SEARCH OPTIMIZATION ON EQUALITY(USER_ID);
