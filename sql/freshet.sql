-- Freshet's own tables, for both warehouses. Each section is applied once, in one transaction, and recorded in
-- FRESHET_MIGRATIONS; a section that has been applied must not change any more: add a new one below.

-- version 1: migrations, offsets, state, dead letters, late records

CREATE TABLE IF NOT EXISTS FRESHET_MIGRATIONS (
  NAME VARCHAR NOT NULL,
  VERSION BIGINT NOT NULL,
  TITLE VARCHAR NOT NULL,
  CHECKSUM VARCHAR NOT NULL,
  APPLIED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE FRESHET_MIGRATIONS IS 'Which numbered sections of which SQL scripts have been applied';
COMMENT ON COLUMN FRESHET_MIGRATIONS.NAME IS 'The script, such as freshet or trains';
COMMENT ON COLUMN FRESHET_MIGRATIONS.VERSION IS 'The number of the section, from 1';
COMMENT ON COLUMN FRESHET_MIGRATIONS.CHECKSUM IS 'SHA-256 of the statements of the section, without comments and layout';
COMMENT ON COLUMN FRESHET_MIGRATIONS.APPLIED_AT IS 'When it was applied, UTC';

CREATE TABLE IF NOT EXISTS FRESHET_OFFSETS (
  DOMAIN VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  NEXT_OFFSET BIGINT NOT NULL,
  EPOCH BIGINT NOT NULL,
  CHECKPOINT_ID BIGINT NOT NULL,
  WATERMARK TIMESTAMP_NTZ,
  MAX_EVENT_TIME TIMESTAMP_NTZ,
  LAST_TIMESTAMP TIMESTAMP_NTZ,
  UPDATED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE FRESHET_OFFSETS IS 'How far each partition of a topic is done; moved in the same transaction as the rows';
COMMENT ON COLUMN FRESHET_OFFSETS.NEXT_OFFSET IS 'Offset of the first record that is not in the tables yet';
COMMENT ON COLUMN FRESHET_OFFSETS.EPOCH IS 'Raised by each process that takes the partition over; a writer with an older one is refused';
COMMENT ON COLUMN FRESHET_OFFSETS.CHECKPOINT_ID IS 'Raised by each checkpoint of the partition';
COMMENT ON COLUMN FRESHET_OFFSETS.WATERMARK IS 'Windows that end at or before this are closed, UTC';
COMMENT ON COLUMN FRESHET_OFFSETS.MAX_EVENT_TIME IS 'Greatest event time seen, UTC';
COMMENT ON COLUMN FRESHET_OFFSETS.LAST_TIMESTAMP IS 'Log timestamp of the last record done, to recognise a topic that was made anew, UTC';
COMMENT ON COLUMN FRESHET_OFFSETS.UPDATED_AT IS 'When the row last changed, UTC';

CREATE TABLE IF NOT EXISTS FRESHET_STATE (
  DOMAIN VARCHAR NOT NULL,
  OPERATOR VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  NAMESPACE BIGINT NOT NULL,
  STATE_KEY VARCHAR NOT NULL,
  STATE_VALUE VARCHAR,
  CHECKPOINT_ID BIGINT NOT NULL
);
COMMENT ON TABLE FRESHET_STATE IS 'Log of changes of operator state: the row of a key with the greatest CHECKPOINT_ID counts';
COMMENT ON COLUMN FRESHET_STATE.NAMESPACE IS 'What the operator files the key under: the start of the window in epoch milliseconds, or 0';
COMMENT ON COLUMN FRESHET_STATE.STATE_VALUE IS 'JSON text; NULL when the key is gone';
COMMENT ON COLUMN FRESHET_STATE.CHECKPOINT_ID IS 'The checkpoint of the partition that wrote this row';

CREATE TABLE IF NOT EXISTS FRESHET_OPERATORS (
  DOMAIN VARCHAR NOT NULL,
  OPERATOR VARCHAR NOT NULL,
  FINGERPRINT VARCHAR NOT NULL,
  UPDATED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE FRESHET_OPERATORS IS 'What the operators looked like that wrote FRESHET_STATE';
COMMENT ON COLUMN FRESHET_OPERATORS.FINGERPRINT IS 'Changes when an operator can no longer read its stored state';

CREATE TABLE IF NOT EXISTS DEAD_LETTERS (
  DOMAIN VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  KAFKA_OFFSET BIGINT NOT NULL,
  RECORD_KEY VARCHAR,
  RECORD_VALUE VARCHAR,
  ENCODING VARCHAR,
  STAGE VARCHAR NOT NULL,
  REASON VARCHAR NOT NULL,
  DETAIL VARCHAR,
  SEEN_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE DEAD_LETTERS IS 'Records that could not be used, each with the reason';
COMMENT ON COLUMN DEAD_LETTERS.RECORD_VALUE IS 'The record as text, or base64 where it is not UTF-8; NULL for a tombstone';
COMMENT ON COLUMN DEAD_LETTERS.ENCODING IS 'utf8 or base64: how RECORD_VALUE is written';
COMMENT ON COLUMN DEAD_LETTERS.STAGE IS 'Where it failed: decode, validate, time, operator or write';
COMMENT ON COLUMN DEAD_LETTERS.REASON IS 'A stable code, safe to group by';
COMMENT ON COLUMN DEAD_LETTERS.DETAIL IS 'What exactly was wrong, for people';
COMMENT ON COLUMN DEAD_LETTERS.SEEN_AT IS 'When Freshet met the record, UTC';

CREATE TABLE IF NOT EXISTS LATE_RECORDS (
  DOMAIN VARCHAR NOT NULL,
  OPERATOR VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  KAFKA_OFFSET BIGINT NOT NULL,
  EVENT_TIME TIMESTAMP_NTZ,
  WATERMARK TIMESTAMP_NTZ,
  LATENESS_MS BIGINT
);
COMMENT ON TABLE LATE_RECORDS IS 'Records that came too late for a window; they are in the raw tables, not in the windows of OPERATOR';
COMMENT ON COLUMN LATE_RECORDS.OPERATOR IS 'The aggregation that left the record out';
COMMENT ON COLUMN LATE_RECORDS.WATERMARK IS 'The watermark it was late against, UTC';
COMMENT ON COLUMN LATE_RECORDS.LATENESS_MS IS 'How far behind the watermark it was, milliseconds';
