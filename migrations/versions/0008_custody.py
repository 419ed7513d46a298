"""Custody and plausibility of evidence; heads of the audit chain taken elsewhere."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RIGHTS = """
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['custody_event', 'held_submission', 'capture_nonce', 'audit_export'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO landwarden_app', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['custody_event', 'audit_export'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW'
            ' EXECUTE FUNCTION landwarden_refuse()', name);
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I FOR EACH STATEMENT'
            ' EXECUTE FUNCTION landwarden_refuse()', name);
    END LOOP;
END $$;
CREATE POLICY area ON custody_event USING (landwarden_sees(division_code));
CREATE POLICY area ON held_submission USING (landwarden_sees(division_code));
CREATE POLICY own ON capture_nonce
    USING (account_id = landwarden_account() OR landwarden_role() = 'system');
-- A head tells nothing of what the chain holds: everybody may read it, so that bulletins can print it.
CREATE POLICY readers ON audit_export FOR SELECT USING (landwarden_role() IS NOT NULL);
CREATE POLICY writers ON audit_export FOR INSERT
    WITH CHECK (landwarden_role() IN ('system', 'audit_admin'));
GRANT UPDATE (settled_at, settled_by, outcome, note) ON held_submission TO landwarden_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO landwarden_app;

-- How often the same picture, or one that looks the same, came in before, anywhere in the city. It is asked by
-- people who see one village only, so it tells numbers and no more.
CREATE FUNCTION landwarden_picture_twins(of_evidence uuid, of_patch uuid, of_sha256 text, of_hash text, bits int,
                                         since timestamptz,
                                         OUT same int, OUT alike_elsewhere int)
LANGUAGE plpgsql AS $$
DECLARE area text := current_setting('landwarden.area', true);
BEGIN
    PERFORM set_config('landwarden.area', left(area, 4), true);
    SELECT count(*) FILTER (WHERE e.sha256 = of_sha256),
           count(*) FILTER (WHERE e.sha256 <> of_sha256 AND e.patch_id <> of_patch AND e.picture_hash IS NOT NULL
               AND bit_count(('x' || e.picture_hash)::bit(64) # ('x' || of_hash)::bit(64)) <= bits)
      INTO same, alike_elsewhere
      FROM evidence e
     WHERE e.evidence_id <> of_evidence AND (e.sha256 = of_sha256 OR e.received_at >= since);
    PERFORM set_config('landwarden.area', area, true);
END $$;
"""


def new_of_evidence() -> tuple[sa.Column, ...]:
    """Made anew for every run: a column belongs to one table."""
    return (
        sa.Column("claims", postgresql.JSONB(), nullable=False, server_default="{}"),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("sm3", sa.String(length=64), nullable=True),
        sa.Column("device_counter", sa.Integer(), nullable=True),
        sa.Column("picture_hash", sa.String(length=16), nullable=True),
        sa.Column("public_sha256", sa.String(length=64), nullable=True),
        sa.Column("plausibility", sa.Float(), nullable=True),
        sa.Column("doubts", postgresql.JSONB(), nullable=False, server_default="[]"),
    )


def upgrade() -> None:
    op.alter_column("evidence", "visit_id", existing_type=sa.Uuid(), nullable=True)
    for column in new_of_evidence():
        op.add_column("evidence", column)
    for name in ("claims", "doubts"):
        op.alter_column("evidence", name, server_default=None)
    op.create_index(op.f("ix_evidence_sha256"), "evidence", ["sha256"])
    op.create_table(
        "custody_event",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=True),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sm3", sa.String(length=64), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patch_id"], ["patch.patch_id"], name=op.f("fk_custody_event_patch_id_patch")
        ),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.evidence_id"], name=op.f("fk_custody_event_evidence_id_evidence")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_custody_event")),
    )
    op.create_index(op.f("ix_custody_event_patch_id"), "custody_event", ["patch_id"])
    op.create_index(op.f("ix_custody_event_evidence_id"), "custody_event", ["evidence_id"])
    op.create_table(
        "held_submission",
        sa.Column("held_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("claim", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["by_id"], ["account.account_id"], name=op.f("fk_held_submission_by_id_account")
        ),
        sa.PrimaryKeyConstraint("held_id", name=op.f("pk_held_submission")),
    )
    op.create_index(op.f("ix_held_submission_parent_id"), "held_submission", ["parent_id"])
    op.create_index(
        "uq_held_submission", "held_submission", ["submission_id", "sha256", "reason"], unique=True
    )
    op.create_table(
        "capture_nonce",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("skew_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f("fk_capture_nonce_account_id_account")
        ),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_capture_nonce")),
    )
    op.create_index(op.f("ix_capture_nonce_account_id"), "capture_nonce", ["account_id"])
    op.create_table(
        "audit_export",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_export")),
    )
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("DROP FUNCTION landwarden_picture_twins")
    for name in ("audit_export", "capture_nonce", "held_submission", "custody_event"):
        op.drop_table(name)
    op.drop_index(op.f("ix_evidence_sha256"), "evidence")
    for column in new_of_evidence():
        op.drop_column("evidence", column.name)
    op.alter_column("evidence", "visit_id", existing_type=sa.Uuid(), nullable=False)
