"""Outings of chiefs and grid officers: tracks, and whether they count."""
