"""How the later date lies on the earlier one: texture, tile shifts, fit, refinement, resampling."""
