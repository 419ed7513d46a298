"""Areas that patches share with layers, for many patches at once: edges, a grid, and one integral. Pure."""
