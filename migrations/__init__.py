"""The one chain of schema versions (Alembic)."""
