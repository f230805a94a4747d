#!/bin/sh
# A database, and a role that owns it and is neither superuser nor past row-level security.
set -eu
psql --set=password="$ONEFOLD_PASSWORD" <<'SQL'
CREATE ROLE onefold LOGIN PASSWORD :'password' NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE DATABASE onefold OWNER onefold TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
SQL
