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

USE ROLE SECURITYADMIN;

GRANT ROLE FRESHET_WRITER TO USER FRESHET_USER;
-- For SNOWFLAKE_QUERY_ROLE: a query then has the rights of the reader and no others.
GRANT ROLE FRESHET_READER TO USER FRESHET_USER;
-- So that SYSADMIN sees and can manage what the roles own, as Snowflake advises for every role.
GRANT ROLE FRESHET_WRITER TO ROLE SYSADMIN;
GRANT ROLE FRESHET_READER TO ROLE SYSADMIN;
