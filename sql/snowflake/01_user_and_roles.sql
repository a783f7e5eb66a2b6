-- 1. The user that Freshet logs in as, the role it writes with, and a role that only reads: of Freshet's own queries
-- (SNOWFLAKE_QUERY_ROLE), and of people and tools.
-- Run by somebody who may use USERADMIN and SECURITYADMIN. `freshet keygen` makes the key.

USE ROLE USERADMIN;

CREATE ROLE IF NOT EXISTS FRESHET_WRITER COMMENT = 'Freshet: creates its tables and writes them';
CREATE ROLE IF NOT EXISTS FRESHET_READER COMMENT = 'Freshet: reads its tables';

-- TYPE = SERVICE: no password, no MFA, only keys and tokens.
CREATE USER IF NOT EXISTS FRESHET_USER
  TYPE = SERVICE
  DEFAULT_ROLE = FRESHET_WRITER
  DEFAULT_WAREHOUSE = FRESHET_WH
  COMMENT = 'The Freshet process';

-- One line, the body of the PEM without header and footer.
ALTER USER FRESHET_USER SET RSA_PUBLIC_KEY = '<public key>';

-- With a programmatic access token (SNOWFLAKE_ACCESS_TOKEN) instead of a key: a user of TYPE = SERVICE can neither be given
-- one nor log in with it unless a network policy says from where. As SECURITYADMIN, with your own addresses:
--   CREATE NETWORK POLICY FRESHET_POLICY ALLOWED_IP_LIST = ('192.0.2.0/24');
--   ALTER USER FRESHET_USER SET NETWORK_POLICY = FRESHET_POLICY;
--   ALTER USER FRESHET_USER ADD PROGRAMMATIC ACCESS TOKEN FRESHET_TOKEN ROLE_RESTRICTION = 'FRESHET_WRITER';
-- A token that is restricted to one role cannot take another: leave SNOWFLAKE_QUERY_ROLE out then, or the restriction.
-- https://docs.snowflake.com/en/user-guide/programmatic-access-tokens

USE ROLE SECURITYADMIN;

GRANT ROLE FRESHET_WRITER TO USER FRESHET_USER;
-- For SNOWFLAKE_QUERY_ROLE: a query then has the rights of the reader and no others.
GRANT ROLE FRESHET_READER TO USER FRESHET_USER;
-- So that SYSADMIN sees and can manage what the roles own, as Snowflake advises for every role.
GRANT ROLE FRESHET_WRITER TO ROLE SYSADMIN;
GRANT ROLE FRESHET_READER TO ROLE SYSADMIN;
