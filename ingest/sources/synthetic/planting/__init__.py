"""The planted changes: situations in law, sites on the ground."""
