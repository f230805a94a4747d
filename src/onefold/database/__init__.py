"""The database: engine, transactions, the two dialects, tables, migrations."""
