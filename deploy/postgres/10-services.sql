-- SPDX-License-Identifier: MPL-2.0
-- A database and a log-in for each service, and nobody may enter another's. psql runs it once, on an empty data folder.
\set ON_ERROR_STOP on
\set referral_password `cat /run/secrets/referral_database_password`
\set matching_password `cat /run/secrets/matching_database_password`
\set followup_password `cat /run/secrets/followup_database_password`
\set partners_password `cat /run/secrets/partners_database_password`

CREATE ROLE referral LOGIN PASSWORD :'referral_password';
CREATE ROLE matching LOGIN PASSWORD :'matching_password';
CREATE ROLE followup LOGIN PASSWORD :'followup_password';
CREATE ROLE partners LOGIN PASSWORD :'partners_password';

CREATE DATABASE referral OWNER referral;
CREATE DATABASE matching OWNER matching;
CREATE DATABASE followup OWNER followup;
CREATE DATABASE partners OWNER partners;

-- PostgreSQL lets everybody into every database unless that is taken away.
REVOKE ALL ON DATABASE referral, matching, followup, partners, postgres, template1 FROM PUBLIC;

-- In its own database the owner alone makes tables; that is PostgreSQL's default since version 15, and said here for those who copy this.
\connect referral
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
\connect matching
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
\connect followup
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
\connect partners
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
