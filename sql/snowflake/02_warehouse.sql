-- 2. The warehouse that the writing is paid on, and a limit to what it may cost. Run by an ACCOUNTADMIN: nobody else may
-- make a resource monitor.

USE ROLE SYSADMIN;

CREATE WAREHOUSE IF NOT EXISTS FRESHET_WH
  WAREHOUSE_SIZE = XSMALL
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  COMMENT = 'Freshet: checkpoints';

USE ROLE ACCOUNTADMIN;

-- An X-Small warehouse that never sleeps uses 24 credits a day, 744 in a long month. When the quota is used up the
-- warehouse stops. Freshet then tries FRESHET_MAX_RESTARTS times, some minutes, and ends; its supervisor starts it again.
-- Nothing is lost, records stay in Kafka. Set it to what you expect (docs/snowflake.md).
CREATE RESOURCE MONITOR IF NOT EXISTS FRESHET_MONITOR WITH
  CREDIT_QUOTA = 800 /* CREDIT_QUOTA */
  FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY
  TRIGGERS
    ON 80 PERCENT DO NOTIFY
    ON 100 PERCENT DO SUSPEND
    ON 110 PERCENT DO SUSPEND_IMMEDIATE;

ALTER WAREHOUSE FRESHET_WH SET RESOURCE_MONITOR = FRESHET_MONITOR;
