"""Bodies and answers of the work on a case."""
