"""The only place with SQL: tables, queries, the unit of work, migrations."""
