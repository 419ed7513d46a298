/** What the server says, as in the API contract /api/v1. Times carry +08:00; areas are m². */

export type Lonlat = [lon: number, lat: number]
export type Bbox = [west: number, south: number, east: number, north: number]

export const STATES = [
  'new', 'suspect', 'dispatched', 'checking', 'review', 'rectify', 'closed', 'dismissed',
] as const
export type StateKey = (typeof STATES)[number]

export interface Problem {
  type?: string
  title: string
  status: number
  code: string
  detail: string
  mend?: string | null
  facts?: Record<string, unknown>
}

export interface Page<T> {
  items: T[]
  next_cursor: string | null
  total: number
}

export interface Me {
  account_id: string
  login: string
  name: string
  role: string
  role_name: string
  area_code: string
  area_name: string
  rights: string[]
  post_ids: string[]
  is_demo: boolean
  server_time: string
}

export interface LayerInfo {
  kind: string
  zh: string
  en: string
  group: 'business' | 'control' | 'tenure'
  min_zoom: number
  versions: number
  features: number
  source_date: string | null
}

export interface ReasonOption {
  kind: string
  code: string
  zh: string
  en?: string
}

export interface Config {
  city_name: string
  center: Lonlat
  extent: Bbox
  clock_is_demo: boolean
  version: string
  states: { key: StateKey; zh: string; en: string }[]
  layers: LayerInfo[]
  violations: { code: string; zh: string; en?: string; basis: string }[]
  reasons: ReasonOption[]
  /** Newest first. */
  periods: { weeks: string[]; months: string[] }
}

export interface Division {
  code: string
  name: string
  level: number
  has_children: boolean
}

export interface Scene {
  scene_id: string
  acquired_at: string
  sensor: string
  platform: string | null
  gsd_m: number
  cloud_pct: number | null
  kind: 'satellite' | 'drone'
  footprint: GeoJsonGeometry
  bands: string[]
}

export interface GeoJsonGeometry {
  type: string
  coordinates: unknown
}

export interface PatchRow {
  patch_id: string
  number: string
  state: StateKey
  state_name: string
  severity: number
  change_class: string
  change_class_name: string
  area_m2: number
  basic_farmland_m2: number
  cropland_m2: number
  division_code: string
  division_name: string
  due_at: string | null
  remaining_wd: number | null
  owner_name: string | null
  label_point: Lonlat
  bbox: Bbox
  suggestion: string | null
  violation_code: string | null
  version: number
  updated_at: string
}

export interface Lead {
  lead_id: string
  source: string
  source_name: string
  observed_from: string
  observed_to: string
  confidence: number | null
  witnesses: Record<string, boolean>
  method: string
  version: string
}

export interface OverlayRow {
  key: string
  name: string
  area_m2: number
  share: number
  kind: 'land' | 'control' | 'approval'
  tone: 'good' | 'bad' | 'neutral'
  text: string | null
}

export interface Judgement {
  judgement_id: string
  revision: number
  made_at: string
  suggestion: string
  suggestion_name: string
  violation_code: string | null
  violation_name: string | null
  legal_basis: { statute: string; article: string; text?: string | null }[]
  sentences: { text: string; rule_id: string; source: string | null }[]
  rule_ids: string[]
  layer_versions: { kind: string; name: string; version_id: string; imported_at: string }[]
  law_date: string
  borderline: boolean
  measure?: string | null
  competent_authority_name?: string | null
}

export interface Verdict {
  kind: VerdictKind
  violation_code: string | null
  reason_code: string | null
  note: string | null
  by_name: string
  at: string
}

export interface TimelineEntry {
  at: string
  actor_name: string
  action: string
  action_name: string
  from_state: string | null
  to_state: string | null
  reason_kind: string | null
  reason_code: string | null
  reason_name: string | null
  note: string | null
  is_undone: boolean
}

export interface PatchAssignment {
  assignment_id: string
  kind: string
  kind_name: string
  tier: number
  post_title: string
  holder_name: string
  status: string
  status_name: string
  due_at: string | null
  signed_at: string | null
  done_at: string | null
}

export interface Evidence {
  evidence_id: string
  visit_id: string | null
  kind: string
  kind_name: string
  title: string | null
  media_type: string
  plausibility: number | null
  is_reviewed: boolean
  captured_at: string
  received_at: string
  lonlat: Lonlat | null
  bearing_deg: number | null
  accuracy_m: number | null
  distance_m: number | null
  hash_ok: boolean
  flags: string[]
  by_name: string
  url: string
}

export interface VisitInfo {
  visit_id: string
  visitor_name: string
  device_time: string
  received_at: string
  finding: string
  finding_name: string
  findings: Record<string, unknown>
  distance_m: number
  accuracy_m: number
}

export interface DispatchTarget {
  post_id: string
  title: string
  holder_name: string
  tier: number
}

export interface PatchAction {
  action: string
  name: string
  name_en: string
  /** By which endpoint it is made. */
  via: 'move' | 'verdict' | 'dispatch'
  needs_reason: boolean
  reason_kind: string | null
  targets?: DispatchTarget[] | null
}

/** Facts that go with a move, by the server's names. */
export type Facts = Record<string, string | number | boolean>

export interface PatchDetail extends PatchRow {
  outline: GeoJsonGeometry
  area_min_m2: number
  area_max_m2: number
  confidence: number | null
  first_seen: string
  before_at: string
  after_at: string
  before_scene_id: string | null
  after_scene_id: string | null
  internal_state: string
  internal_state_name: string
  is_urgent: boolean
  watch_until: string | null
  stage_name: string | null
  leads: Lead[]
  overlay: OverlayRow[]
  judgement: Judgement | null
  verdict: Verdict | null
  timeline: TimelineEntry[]
  assignments: PatchAssignment[]
  visits: VisitInfo[]
  evidence: Evidence[]
  actions: PatchAction[]
  undo: { action_name: string; until: string } | null
}

export type VerdictKind = 'unlawful' | 'lawful' | 'not_new' | 'doubtful' | 'other'

export interface VerdictBody {
  kind: VerdictKind
  violation_code?: string | undefined
  reason_code?: string | undefined
  note?: string | undefined
  dispatch_to?: string | undefined
  act_ended_on?: string | undefined
}

export interface PatchCounts {
  by_state: Partial<Record<StateKey, number>>
  total: number
}

export interface PatchFilter {
  state?: StateKey[]
  severity_min?: number
  division?: string
  bbox?: Bbox
  change_class?: string
  q?: string
  mine?: boolean
}

export interface Assignment {
  assignment_id: string
  patch_id: string
  patch_number: string
  kind: string
  kind_name: string
  status: string
  status_name: string
  tier: number
  division_name: string
  due_at: string | null
  remaining_wd: number | null
  label_point: Lonlat
  area_m2: number
  change_class_name: string
  holder_name: string
  post_title: string
  version: number
}

export interface OutingStop {
  place: number
  assignment: Assignment
  leg_m: number
  arrives_at: string
  is_late: boolean
}

/** The caller's open tasks nearby, in the order in which to go. */
export interface Outing {
  made_at: string
  start: Lonlat | null
  start_kind: 'own_place' | 'middle_of_ground' | 'first_task'
  stops: OutingStop[]
  line: Lonlat[]
  length_m: number
  back_at: string
  left: number
}

export type Finding = 'built' | 'under_construction' | 'not_found' | 'restored' | 'other'

/** A whole outing, as the phone sends it. */
export interface PatrolBody {
  post_id: string
  started_at: string
  ended_at: string
  fixes: { t: string; lon: number; lat: number; accuracy_m: number }[]
  /** Tasks visited on it, which their visits prove. */
  tasks_visited?: number
}

export interface PatrolPosts {
  items: { post_id: string; title: string; cells: string[]; instead_of: string | null; until: string | null }[]
  tracks: 'all' | 'tasks_only'
}

/** Cropland of one cell, walked in a period and not. */
export interface CellGround {
  cell: string
  period: string
  cropland_m2: number
  covered_m2: number
  share: number | null
  covered: GeoJsonGeometry
  not_covered: GeoJsonGeometry
  as_of: string
}

/** Something found on a round, as the phone sends it. */
export interface FindingBody {
  patrol_id: string | null
  category: string
  found_at: string
  device_counter: number
  lonlat: Lonlat
  accuracy_m: number
  coord_source: 'wgs84' | 'cgcs2000' | 'gcj02' | 'bd09'
  own_lonlat: Lonlat | null
  note: string
}

export interface FindingInfo {
  finding_id: string
  patrol_id: string | null
  category: string
  category_name: string
  category_name_en: string
  found_at: string
  lonlat: Lonlat
  radius_m: number
  note: string
  by_name: string
  lead_id: string
  patch_id: string | null
  patch_number: string | null
  standing: { key: 'waiting' | 'joined' | 'confirmed' | 'filed' | 'settled' | 'set_aside' | 'not_upheld' | 'repeated' | 'approved'; zh: string; en: string }
  photos: string[]
}

export interface FindingList {
  categories: { key: string; zh: string; en: string }[]
  items: FindingInfo[]
}

export interface OwnPatrol {
  patrol_id: string
  post_id: string
  post_title: string
  started_at: string
  ended_at: string
  fix_count: number
  distance_m: number
  duration_min: number
  tasks_visited: number
  is_valid: boolean
  keeps_track: boolean
  walked_by: string | null
  findings: number
  /** Why it, or some of its fixes, do not count. */
  reasons: { code: string; text: string; fix_count: number | null; decides: boolean }[]
  doubts: { code: string; zh: string; en: string; weight: number }[]
}

export interface VisitBody {
  assignment_id: string
  device_time: string
  device_counter: number
  lonlat: Lonlat
  accuracy_m: number
  coord_source: 'wgs84' | 'cgcs2000' | 'gcj02' | 'bd09'
  heading_deg?: number | null
  heading_source?: string | null
  finding: Finding
  use_text: string
  party_text: string
  is_stopped: boolean
  note: string
}

export interface RankingRow {
  /** 1 is best; null where nothing was asked. */
  rank: number | null
  change: number | null
  name: string
  unit_name: string
  post_title: string
  required: number
  valid: number
  raw: number
  completion_rate: number | null
  attainment_rate: number | null
  score: number | null
  small_sample: boolean
  rates: Record<string, number | null>
}

export interface Definition {
  key: string
  zh: string
  formula: string
}

export interface Ranking {
  period: string
  from: string
  to: string
  of: string
  persons_ranked: boolean
  /** Lines of the whole ranking; `rows` are those that were asked for. */
  total: number
  rows: RankingRow[]
  definitions: Definition[]
}

export interface PatchRef {
  patch_id: string
  number: string
}

/** Verdicts of one group; every count is the length of its list. */
export interface QualityLine {
  key: string
  name: string
  decided: number
  confirmed: PatchRef[]
  false_alarms: PatchRef[]
  undecided: PatchRef[]
  precision: number | null
  interval: [number, number] | null
  is_small: boolean
}

export interface DetectionQuality {
  from: string
  to: string
  all: QualityLine
  by_class: QualityLine[]
  by_source: QualityLine[]
  by_method: QualityLine[]
  by_week: QualityLine[]
  reasons: { reason_code: string; name: string; patches: PatchRef[] }[]
  reliability: { low: number; high: number; mean_probability: number | null; line: QualityLine }[]
  expected_error: number | null
  brier: number | null
}

export interface Bulletin {
  bulletin_id: string
  kind: string
  kind_name: string
  period: string
  division_code: string
  number: string
  status: string
  drafted_at: string
  issued_at: string | null
  facts: Record<string, unknown>
  files: { name: string; media_type: string; sha256: string; url: string; is_restricted?: boolean }[]
}

export interface LivePatch {
  patch_id: string
  number: string
  state: StateKey
  version: number
  actor_name: string
  at: string
  action_name: string
  seq: number
}

export interface SuggestedPatch {
  patch_id: string
  number: string
  change_class_name: string
  area_m2: number
  distance_m: number
  is_settled: boolean
  is_likely: boolean
}

/** A lead that no rule could place: a camera event, a report. */
export interface WaitingLead {
  lead_id: string
  source: string
  source_name: string
  seen_at: string
  kind_name: string
  confidence: number
  division_code: string
  division_name: string
  place: Lonlat
  radius_m: number | null
  camera_name: string | null
  preset_name: string | null
  season: string | null
  has_picture: boolean
  picture_bbox: Bbox | null
  suggested: SuggestedPatch[]
}

export interface DismissReason {
  code: string
  name: string
  needs_note: boolean
}

export interface WaitingLeads {
  items: WaitingLead[]
  total: number
  reasons: DismissReason[]
}

export interface DetectionWork {
  number: number
  name: string
  county_code: string
  county_name: string
  is_running: boolean
  is_called_off: boolean
  since: string | null
}

export interface SettledLead {
  lead_id: string
  fate: 'attached' | 'dismissed' | 'waiting'
  number: string | null
  undo_until: string | null
}
