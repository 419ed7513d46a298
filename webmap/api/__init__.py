"""Endpoints of /api/v1, one noun a file."""
