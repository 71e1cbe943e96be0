"""runs: what is measured, with what, and where."""
