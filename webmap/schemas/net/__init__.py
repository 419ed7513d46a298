"""Bodies and answers of the human net."""
