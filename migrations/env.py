"""Alembic's entry: tables of all floors by entry point, geometry columns by GeoAlchemy2's helpers."""

from importlib import import_module
from importlib.metadata import entry_points

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine

from foundation.db import Base

for point in entry_points(group="landwarden.tables"):
    import_module(point.value)


def include_object(item, name, kind, reflected, compare_to):
    """Leave PostGIS's and procrastinate's own objects alone, and the audit head, of which only SQL speaks."""
    if kind == "table" and (name.startswith("procrastinate_") or name in {"audit_head", "spatial_ref_sys"}):
        return False
    return alembic_helpers.include_object(item, name, kind, reflected, compare_to)


engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
