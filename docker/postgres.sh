#!/bin/sh
# First start of the PostgreSQL image: a role and a database each for the warehouse and for Airflow.
# Their passwords are taken from the URLs that the other services read, so that each is kept in one file.
set -eu

password() { sed -n 's|^[a-z0-9+]*://[^:/]*:\([^@]*\)@.*|\1|p' "/run/secrets/$1"; }

WAREHOUSE_PASSWORD=$(password warehouse_dsn)
AIRFLOW_PASSWORD=$(password airflow_database_url)
: "${WAREHOUSE_PASSWORD:?no password in warehouse_dsn}" "${AIRFLOW_PASSWORD:?no password in airflow_database_url}"
export WAREHOUSE_PASSWORD AIRFLOW_PASSWORD

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv warehouse_password WAREHOUSE_PASSWORD
\getenv airflow_password AIRFLOW_PASSWORD
-- The warehouse creates the roles of analysts, auditors and exporters itself.
create role warehouse login createrole password :'warehouse_password';
create role airflow login password :'airflow_password';
create database warehouse owner warehouse;
create database airflow owner airflow;
revoke connect, temporary on database warehouse, airflow from public;
SQL
