"""Site visits and their evidence, each exactly once."""
