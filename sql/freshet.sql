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

-- version 2: which windows a late record missed, and up to when merged windows are final

ALTER TABLE LATE_RECORDS ADD COLUMN IF NOT EXISTS WINDOW_START TIMESTAMP_NTZ;
ALTER TABLE LATE_RECORDS ADD COLUMN IF NOT EXISTS WINDOW_END TIMESTAMP_NTZ;
ALTER TABLE LATE_RECORDS ADD COLUMN IF NOT EXISTS WINDOWS_MISSED BIGINT;
COMMENT ON COLUMN LATE_RECORDS.WINDOW_START IS 'Start of the first window that it missed, UTC; NULL in rows that an older Freshet wrote';
COMMENT ON COLUMN LATE_RECORDS.WINDOW_END IS 'End of the last window that it missed, exclusive, UTC';
COMMENT ON COLUMN LATE_RECORDS.WINDOWS_MISSED IS 'How many windows it missed';

CREATE TABLE IF NOT EXISTS FRESHET_CLOSED (
  DOMAIN VARCHAR NOT NULL,
  OPERATOR VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  CLOSED_UP_TO TIMESTAMP_NTZ,
  UPDATED_AT TIMESTAMP_NTZ
);
COMMENT ON TABLE FRESHET_CLOSED IS 'Written when a bounded input has ended: windows that are closed although the watermark has not passed them; key: DOMAIN, OPERATOR, TOPIC, KAFKA_PARTITION';
COMMENT ON COLUMN FRESHET_CLOSED.CLOSED_UP_TO IS 'Windows of OPERATOR that end at or before this are closed, UTC';

-- A partition without a watermark may still get a record of any time: until it has one, or is closed, nothing is final. Of a
-- domain that has read several topics, only the one that moved last counts.
CREATE OR REPLACE VIEW FRESHET_FINAL AS
WITH POSITIONS AS (
  SELECT DOMAIN, TOPIC, KAFKA_PARTITION, WATERMARK
  FROM FRESHET_OFFSETS
  QUALIFY MAX(UPDATED_AT) OVER (PARTITION BY DOMAIN, TOPIC) = MAX(UPDATED_AT) OVER (PARTITION BY DOMAIN)
),
REACHED AS (
  SELECT
    O.DOMAIN,
    O.OPERATOR,
    CASE
      WHEN P.WATERMARK IS NULL OR C.CLOSED_UP_TO > P.WATERMARK THEN C.CLOSED_UP_TO
      ELSE P.WATERMARK
    END AS UP_TO
  FROM FRESHET_OPERATORS AS O
  LEFT JOIN POSITIONS AS P ON P.DOMAIN = O.DOMAIN
  LEFT JOIN FRESHET_CLOSED AS C
    ON C.DOMAIN = O.DOMAIN AND C.OPERATOR = O.OPERATOR AND C.TOPIC = P.TOPIC AND C.KAFKA_PARTITION = P.KAFKA_PARTITION
)
SELECT DOMAIN, OPERATOR, CASE WHEN COUNT(UP_TO) = COUNT(*) THEN MIN(UP_TO) END AS FINAL_UP_TO
FROM REACHED
GROUP BY DOMAIN, OPERATOR;
COMMENT ON VIEW FRESHET_FINAL IS 'Up to when all partitions of its topic have closed the windows of an operator: what ends at or before FINAL_UP_TO is final; NULL while a partition has no watermark';

-- version 3: gaps that were gone over, headers of dead letters, and log timestamps beyond what a TIMESTAMP holds

CREATE TABLE IF NOT EXISTS FRESHET_GAPS (
  DOMAIN VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  FROM_OFFSET BIGINT NOT NULL,
  TO_OFFSET BIGINT NOT NULL,
  REASON VARCHAR NOT NULL,
  DETAIL VARCHAR,
  RECORDED_BY VARCHAR NOT NULL,
  RECORDED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE FRESHET_GAPS IS 'Offsets of a partition that are in no table because they could not be read; written in the transaction that moved FRESHET_OFFSETS past them';
COMMENT ON COLUMN FRESHET_GAPS.FROM_OFFSET IS 'The first offset of the gap';
COMMENT ON COLUMN FRESHET_GAPS.TO_OFFSET IS 'The first offset behind it';
COMMENT ON COLUMN FRESHET_GAPS.REASON IS 'A stable code: unreadable, deleted, before_first_read, or truncated, of which the tables have the records that the log lost';
COMMENT ON COLUMN FRESHET_GAPS.DETAIL IS 'What was wrong there, for people';
COMMENT ON COLUMN FRESHET_GAPS.RECORDED_BY IS 'Who chose to go on: freshet skip, FRESHET_ON_DAMAGE, or first start';
COMMENT ON COLUMN FRESHET_GAPS.RECORDED_AT IS 'When, UTC';

ALTER TABLE DEAD_LETTERS ADD COLUMN IF NOT EXISTS RECORD_HEADERS VARCHAR;
COMMENT ON COLUMN DEAD_LETTERS.RECORD_HEADERS IS 'JSON array of the headers, in their order: [name, text], [name, null], or [name, base64, "base64"] where the value is not UTF-8; NULL when there are none, and in rows that an older Freshet wrote';
ALTER TABLE DEAD_LETTERS ADD COLUMN IF NOT EXISTS KEY_ENCODING VARCHAR;
COMMENT ON COLUMN DEAD_LETTERS.KEY_ENCODING IS 'utf-8 or base64: how RECORD_KEY is written; NULL when there is none, and in rows that an older Freshet wrote';

ALTER TABLE FRESHET_OFFSETS ADD COLUMN IF NOT EXISTS LAST_TIMESTAMP_MS BIGINT;
COMMENT ON COLUMN FRESHET_OFFSETS.LAST_TIMESTAMP_MS IS 'In the place of LAST_TIMESTAMP, where the log says a number of milliseconds that is no time between the years 1582 and 9999';

-- version 4: alerts that leave the process, what people note, and raw rows that go ahead of their unit

CREATE TABLE IF NOT EXISTS ALERT_EVENTS (
  EVENT_ID VARCHAR NOT NULL,
  DOMAIN VARCHAR NOT NULL,
  ALERT_ID VARCHAR NOT NULL,
  ALERT_TYPE VARCHAR NOT NULL,
  EVENT VARCHAR NOT NULL,
  SEVERITY VARCHAR NOT NULL,
  CHANNELS VARCHAR NOT NULL,
  ALERT VARCHAR NOT NULL,
  TOPIC VARCHAR NOT NULL,
  KAFKA_PARTITION BIGINT NOT NULL,
  CREATED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE ALERT_EVENTS IS 'What is told outside of alerts: one row when an alert is raised and one when it is cleared, written in the transaction of the alert itself; only while FRESHET_ALERT_… names somebody to tell';
COMMENT ON COLUMN ALERT_EVENTS.EVENT_ID IS 'The idempotency key that every message carries: a receiver that has seen it has seen the message';
COMMENT ON COLUMN ALERT_EVENTS.EVENT IS 'RAISED or CLEARED';
COMMENT ON COLUMN ALERT_EVENTS.SEVERITY IS 'critical, warning or info, as the domain declares it';
COMMENT ON COLUMN ALERT_EVENTS.CHANNELS IS 'Who is to be told, with commas before, between and behind: webhook, slack, mail, topic, alertmanager';
COMMENT ON COLUMN ALERT_EVENTS.ALERT IS 'JSON object: the row of the alert as it was then';
COMMENT ON COLUMN ALERT_EVENTS.CREATED_AT IS 'When it was written, UTC';

CREATE TABLE IF NOT EXISTS ALERT_DELIVERIES (
  EVENT_ID VARCHAR NOT NULL,
  CHANNEL VARCHAR NOT NULL,
  DOMAIN VARCHAR NOT NULL,
  STATUS VARCHAR NOT NULL,
  ATTEMPTS BIGINT NOT NULL,
  DETAIL VARCHAR,
  UPDATED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE ALERT_DELIVERIES IS 'What became of each row of ALERT_EVENTS on each channel; nothing yet while it is still to be sent; key: EVENT_ID, CHANNEL';
COMMENT ON COLUMN ALERT_DELIVERIES.STATUS IS 'DELIVERED, MUTED (not sent: the rule was muted), or FAILED (a dead letter: nobody was told)';
COMMENT ON COLUMN ALERT_DELIVERIES.ATTEMPTS IS 'How often the process that has written the row tried';
COMMENT ON COLUMN ALERT_DELIVERIES.DETAIL IS 'Why it failed, for people';

CREATE TABLE IF NOT EXISTS ALERT_ACKNOWLEDGEMENTS (
  DOMAIN VARCHAR NOT NULL,
  ALERT_ID VARCHAR NOT NULL,
  ACKNOWLEDGED_BY VARCHAR NOT NULL,
  NOTE VARCHAR,
  ACKNOWLEDGED_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE ALERT_ACKNOWLEDGEMENTS IS 'Who has taken an alert up; key: DOMAIN, ALERT_ID';

CREATE TABLE IF NOT EXISTS ALERT_MUTES (
  MUTE_ID VARCHAR NOT NULL,
  DOMAIN VARCHAR NOT NULL,
  ALERT_TYPE VARCHAR NOT NULL,
  MUTED_BY VARCHAR NOT NULL,
  NOTE VARCHAR,
  MUTED_AT TIMESTAMP_NTZ NOT NULL,
  ENDS_AT TIMESTAMP_NTZ NOT NULL
);
COMMENT ON TABLE ALERT_MUTES IS 'Rules whose alerts are not sent out for a time; key: MUTE_ID';
COMMENT ON COLUMN ALERT_MUTES.ENDS_AT IS 'When it ends, exclusive, UTC; one that was ended early ends when it was';

CREATE TABLE IF NOT EXISTS ANNOTATIONS (
  ANNOTATION_ID VARCHAR NOT NULL,
  DOMAIN VARCHAR,
  KIND VARCHAR NOT NULL,
  TEXT VARCHAR NOT NULL,
  WRITTEN_BY VARCHAR NOT NULL,
  STARTS_AT TIMESTAMP_NTZ NOT NULL,
  ENDS_AT TIMESTAMP_NTZ,
  WRITTEN_AT TIMESTAMP_NTZ NOT NULL,
  REMOVED_AT TIMESTAMP_NTZ
);
COMMENT ON TABLE ANNOTATIONS IS 'What people have noted on the charts; key: ANNOTATION_ID';
COMMENT ON COLUMN ANNOTATIONS.DOMAIN IS 'The domain whose charts show it; NULL for all';
COMMENT ON COLUMN ANNOTATIONS.KIND IS 'deployment, incident or note';
COMMENT ON COLUMN ANNOTATIONS.REMOVED_AT IS 'When somebody took it away, UTC; NULL while it is shown';

ALTER TABLE FRESHET_OFFSETS ADD COLUMN IF NOT EXISTS RAW_CHANNEL VARCHAR;
COMMENT ON COLUMN FRESHET_OFFSETS.RAW_CHANNEL IS 'Channel of Snowpipe Streaming by which the raw rows of the partition go, and may be ahead of NEXT_OFFSET; NULL where they are written with it';

-- version 5: when gaps are written

COMMENT ON TABLE FRESHET_GAPS IS 'Offsets of a partition that are in no table because they could not be read. Of a topic that is read: written in the transaction that moved FRESHET_OFFSETS past them; of one that is copied by key: before the offset of the group <topic>.keyed-copy moves';
COMMENT ON COLUMN FRESHET_GAPS.REASON IS 'A stable code: unreadable, deleted, before_first_read, or truncated: of a topic that is read the tables have the records that the log lost, one that is copied was copied so far when it lost them or was made anew';
