"""What officers find on their rounds: leads of their own, their photos, and who walked an outing."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

FOLLOWS = """
-- Photos of a finding belong to the patch that its lead belongs to, whoever joins or parts them.
CREATE FUNCTION landwarden_evidence_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE evidence e SET patch_id = (SELECT l.patch_id FROM patch_lead l
                                       WHERE l.lead_id = NEW.lead_id AND l.detached_at IS NULL)
      FROM finding f
     WHERE f.lead_id = NEW.lead_id AND e.finding_id = f.finding_id;
    RETURN NULL;
END $$;
CREATE TRIGGER evidence_follows AFTER INSERT OR UPDATE OF detached_at ON patch_lead
    FOR EACH ROW EXECUTE FUNCTION landwarden_evidence_follows();
GRANT UPDATE (patch_id) ON evidence TO landwarden_app;
"""
TWINS = """
CREATE OR REPLACE FUNCTION landwarden_picture_twins(of_evidence uuid, of_patch uuid, of_sha256 text, of_hash text,
                                                    bits int, since timestamptz,
                                                    OUT same int, OUT alike_elsewhere int)
LANGUAGE plpgsql AS $$
DECLARE area text := current_setting('landwarden.area', true);
BEGIN
    PERFORM set_config('landwarden.area', left(area, 4), true);
    SELECT count(*) FILTER (WHERE e.sha256 = of_sha256),
           count(*) FILTER (WHERE e.sha256 <> of_sha256 AND {elsewhere} AND e.picture_hash IS NOT NULL
               AND bit_count(('x' || e.picture_hash)::bit(64) # ('x' || of_hash)::bit(64)) <= bits)
      INTO same, alike_elsewhere
      FROM evidence e
     WHERE e.evidence_id <> of_evidence AND (e.sha256 = of_sha256 OR e.received_at >= since);
    PERFORM set_config('landwarden.area', area, true);
END $$;
"""


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("found_at", moment, nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("device_counter", sa.Integer(), nullable=False),
        sa.Column("place", Geometry("POINT", srid=4490, spatial_index=False), nullable=False),
        sa.Column("radius_m", sa.Float(), nullable=False),
        sa.Column("own_place", Geometry("POINT", srid=4490, spatial_index=False), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["account.account_id"], name=op.f("fk_finding_by_id_account")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name=op.f("fk_finding_lead_id_lead")),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_finding")),
        sa.UniqueConstraint("lead_id", name=op.f("uq_finding_lead_id")),
    )
    for column in ("patrol_id", "division_code", "by_id"):
        op.create_index(op.f(f"ix_finding_{column}"), "finding", [column])
    for column in ("place", "own_place"):
        op.create_index(f"idx_finding_{column}", "finding", [column], postgresql_using="gist")
    op.execute("ALTER TABLE finding ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE finding FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY area ON finding USING (landwarden_sees(division_code) OR by_id = landwarden_account())"
    )
    op.execute("GRANT SELECT, INSERT ON finding TO landwarden_app")
    _let_evidence_follow()
    op.add_column("patrol", sa.Column("walker_id", sa.Uuid(), nullable=True))
    op.add_column("patrol", sa.Column("walker_name", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_patrol_walker_id_account"), "patrol", "account", ["walker_id"], ["account_id"]
    )
    op.create_index(op.f("ix_patrol_walker_id"), "patrol", ["walker_id"])


def _let_evidence_follow() -> None:
    op.add_column("evidence", sa.Column("finding_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_evidence_finding_id_finding"), "evidence", "finding", ["finding_id"], ["finding_id"]
    )
    op.create_index(op.f("ix_evidence_finding_id"), "evidence", ["finding_id"])
    op.alter_column("evidence", "patch_id", existing_type=sa.Uuid(), nullable=True)
    op.create_check_constraint(
        op.f("ck_evidence_parent"), "evidence", "patch_id IS NOT NULL OR finding_id IS NOT NULL"
    )
    op.alter_column("custody_event", "patch_id", existing_type=sa.Uuid(), nullable=True)
    op.create_check_constraint(
        op.f("ck_custody_event_about"), "custody_event", "patch_id IS NOT NULL OR evidence_id IS NOT NULL"
    )
    op.execute(FOLLOWS)
    op.execute(TWINS.format(elsewhere="coalesce(e.patch_id, e.finding_id) <> of_patch"))


def downgrade() -> None:
    """Only while nobody has found anything: what has no patch cannot stand in the older tables."""
    for column in ("walker_id", "walker_name"):
        op.drop_column("patrol", column)
    op.execute(TWINS.format(elsewhere="e.patch_id <> of_patch"))
    op.execute("REVOKE UPDATE (patch_id) ON evidence FROM landwarden_app")
    op.execute("DROP TRIGGER evidence_follows ON patch_lead")
    op.execute("DROP FUNCTION landwarden_evidence_follows")
    op.drop_constraint(op.f("ck_custody_event_about"), "custody_event")
    op.alter_column("custody_event", "patch_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_constraint(op.f("ck_evidence_parent"), "evidence")
    op.alter_column("evidence", "patch_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_column("evidence", "finding_id")
    op.drop_table("finding")
