"""The audit log: who did what, in a chain that shows what was changed afterwards."""
