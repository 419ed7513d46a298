"""Routes of the human net."""
