"""Cultivated ground: how much of it was walked."""
