"""The life of a patch: its case, its clocks, its assignments, visits and evidence."""
