"""The human net: posts and their holders, the grid they watch."""
