"""Signs that numbers were made rather than earned."""
