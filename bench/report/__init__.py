"""report: what was measured, as tables, and held against the goals."""
