"""The demonstration county: a material map with exact truth, and what a bureau would get of it."""
