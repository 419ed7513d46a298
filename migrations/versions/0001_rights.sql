-- Who may read and write what. The application role owns nothing, cannot bypass row-level security, and
-- deletes nothing. A transaction that states no area sees no rows.

CREATE FUNCTION landwarden_area() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('landwarden.area', true), '') $$;

CREATE FUNCTION landwarden_role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('landwarden.role', true), '') $$;

CREATE FUNCTION landwarden_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('landwarden.account', true), '')::uuid $$;

-- Leading digits of a division code that all codes below it share.
CREATE FUNCTION landwarden_prefix(code text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN code ~ '0{10}$' THEN left(code, 2) WHEN code ~ '0{8}$' THEN left(code, 4)
               WHEN code ~ '0{6}$' THEN left(code, 6) WHEN code ~ '0{3}$' THEN left(code, 9) ELSE code END $$;

-- Inside the area; and inside or above it.
CREATE FUNCTION landwarden_sees(code text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT starts_with(code, landwarden_area()) $$;

CREATE FUNCTION landwarden_touches(code text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT starts_with(code, landwarden_area()) OR starts_with(landwarden_area(), landwarden_prefix(rpad(code, 12, '0'))) $$;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['lead', 'patch', 'judgement', 'field_label', 'case_file', 'case_event', 'assignment',
                                'visit', 'evidence', 'patrol'] LOOP
        EXECUTE format('CREATE POLICY area ON %I USING (landwarden_sees(division_code))', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['post', 'grid_cell', 'bulletin'] LOOP
        EXECUTE format('CREATE POLICY area ON %I USING (landwarden_touches(division_code))', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['scene', 'layer_version', 'layer_feature', 'detection_run'] LOOP
        EXECUTE format('CREATE POLICY area ON %I USING (landwarden_touches(county_code))', name);
    END LOOP;
    CREATE POLICY area ON patch_lead
        USING (EXISTS (SELECT FROM patch WHERE patch.patch_id = patch_lead.patch_id));
    CREATE POLICY area ON account
        USING (landwarden_role() IN ('system', 'security_admin') OR account_id = landwarden_account());
    CREATE POLICY kernel ON web_session USING (landwarden_role() = 'system');
    CREATE POLICY readers ON audit_entry FOR SELECT USING (landwarden_role() IN ('system', 'audit_admin'));
    CREATE POLICY writers ON audit_entry FOR INSERT WITH CHECK (landwarden_role() IS NOT NULL);
    FOREACH name IN ARRAY ARRAY['lead', 'patch', 'judgement', 'field_label', 'case_file', 'case_event', 'assignment',
                                'visit', 'evidence', 'patrol', 'post', 'grid_cell', 'bulletin', 'scene',
                                'layer_version', 'layer_feature', 'detection_run', 'patch_lead', 'account',
                                'web_session', 'audit_entry'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO landwarden_app', name);
    END LOOP;
END $$;

GRANT SELECT ON division, spatial_ref_sys, alembic_version TO landwarden_app;
GRANT UPDATE (outline) ON division TO landwarden_app;
GRANT UPDATE ON account, web_session, patch, case_file, assignment, post, grid_cell, bulletin TO landwarden_app;
GRANT UPDATE (valid_to) ON layer_version TO landwarden_app;
GRANT UPDATE (detached_at) ON patch_lead TO landwarden_app;
GRANT UPDATE (undone_by) ON case_event TO landwarden_app;
GRANT UPDATE (is_reviewed) ON evidence TO landwarden_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO landwarden_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers,
    procrastinate_workers TO landwarden_app;

-- The head of the audit chain: whoever appends locks it last and moves it on.
CREATE TABLE audit_head (is_head boolean PRIMARY KEY DEFAULT true CHECK (is_head), seq bigint NOT NULL, hash text NOT NULL);
INSERT INTO audit_head (seq, hash) VALUES (0, repeat('0', 64));
GRANT SELECT, UPDATE ON audit_head TO landwarden_app;

-- The chain is append-only for everybody, the owner included.
CREATE FUNCTION landwarden_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION landwarden_refuse();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION landwarden_refuse();

-- Boxes overlap or not, and nothing else is told: declared leakproof, so that the spatial indexes serve behind
-- row-level security (docs/decisions/0004). Where the owner may not, the map works, slowly.
DO $$ BEGIN
    ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'geometry_overlaps is not leakproof: ask a superuser to declare it so';
END $$;

-- One row a patch with its case and its newest judgement: what lists, tiles, counts and reports read.
CREATE VIEW patch_overview WITH (security_invoker = true) AS
SELECT p.patch_id, p.number, p.division_code, p.geometry, p.geometry_3857, p.area_m2, p.area_min_m2, p.area_max_m2,
       p.change_class, p.confidence, p.before_at, p.after_at, p.created_at,
       c.state, c.display_state, c.version, c.owner_post_id, c.opened_at, c.entered_at, c.due_at, c.escalated_at,
       c.is_urgent, c.verdict_kind, c.violation_code AS verdict_violation_code, c.verdict_at, c.closed_at, c.updated_at,
       j.judgement_id, j.suggestion, j.violation_code AS suggested_violation_code, coalesce(j.severity, 1) AS severity,
       coalesce(j.basic_farmland_m2, 0) AS basic_farmland_m2, coalesce(j.cropland_m2, 0) AS cropland_m2,
       coalesce(j.is_borderline, false) AS is_borderline
FROM patch p
JOIN case_file c USING (patch_id)
LEFT JOIN LATERAL (SELECT * FROM judgement g WHERE g.patch_id = p.patch_id ORDER BY g.revision DESC LIMIT 1) j ON true;
GRANT SELECT ON patch_overview TO landwarden_app;
