-- 2. The warehouse that the writing is paid on, one that those who look are paid on, and limits to what they may cost. Run by
-- an ACCOUNTADMIN: nobody else may make a resource monitor.

USE ROLE SYSADMIN;

-- Without GENERATION an account gets what is the default where it is, for new organizations 2, which costs 1.35 credits an
-- hour (1.25 on Azure) where 1 costs 1. Checkpoints are short and wait for one another more than they compute: 1 does.
-- A warehouse that is there already stays as it is.
CREATE WAREHOUSE IF NOT EXISTS FRESHET_WH
  WAREHOUSE_SIZE = XSMALL
  GENERATION = '1'
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  COMMENT = 'Freshet: checkpoints';

-- Of the dashboard, of `freshet query` and of people (SNOWFLAKE_QUERY_WAREHOUSE): what they ask does not keep the other awake.
CREATE WAREHOUSE IF NOT EXISTS FRESHET_QUERY_WH
  WAREHOUSE_SIZE = XSMALL
  GENERATION = '1'
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  COMMENT = 'Freshet: queries';

USE ROLE ACCOUNTADMIN;

-- An X-Small warehouse of generation 1 that never sleeps uses 24 credits a day, 744 in a long month, of generation 2 up to
-- 1,005 (`freshet sql setup --generation 2` prints both numbers for that). When the quota is used up the warehouse stops.
-- Freshet then stays up and tries again, after 15 minutes at most each time. Nothing is lost, records stay in Kafka.
-- `freshet cost` says what to expect.
CREATE RESOURCE MONITOR IF NOT EXISTS FRESHET_MONITOR WITH
  CREDIT_QUOTA = 800 /* CREDIT_QUOTA */
  FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY
  TRIGGERS
    ON 80 PERCENT DO NOTIFY
    ON 100 PERCENT DO SUSPEND
    ON 110 PERCENT DO SUSPEND_IMMEDIATE;

ALTER WAREHOUSE FRESHET_WH SET RESOURCE_MONITOR = FRESHET_MONITOR;

-- One of its own, so that those who look never stop the writing.
CREATE RESOURCE MONITOR IF NOT EXISTS FRESHET_QUERY_MONITOR WITH
  CREDIT_QUOTA = 200
  FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY
  TRIGGERS
    ON 80 PERCENT DO NOTIFY
    ON 100 PERCENT DO SUSPEND;

ALTER WAREHOUSE FRESHET_QUERY_WH SET RESOURCE_MONITOR = FRESHET_QUERY_MONITOR;
