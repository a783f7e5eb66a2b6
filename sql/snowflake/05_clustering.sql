-- 5. Optional: clustering of the large tables, once they have terabytes and queries for a span of time get slow. Rows come
-- in about the order of time, so Snowflake's natural clustering is good for long; keeping a key costs credits of its own
-- (Automatic Clustering). ALTER TABLE … DROP CLUSTERING KEY takes it back. Run after `freshet migrate` has made the tables.

USE ROLE FRESHET_WRITER;
USE WAREHOUSE FRESHET_WH;
USE SCHEMA FRESHET_DB.FRESHET_SCHEMA;

-- trains
ALTER TABLE IF EXISTS ATS_RAW_JSON CLUSTER BY (TO_DATE(TO_TIMESTAMP_NTZ(RECORD_METADATA:CreateTime::NUMBER, 3)));
ALTER TABLE IF EXISTS ATS_TRANSFORMED CLUSTER BY (TO_DATE("TIMESTAMP"), TRAIN_ID);
ALTER TABLE IF EXISTS ATS_HOURLY_STATS_PARTS CLUSTER BY (TO_DATE(WINDOW_START));
