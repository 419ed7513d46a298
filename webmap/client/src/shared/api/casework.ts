// Made by scripts/types.mjs from the OpenAPI description: change that, not this.
import type { GeoJsonGeometry } from './types'

/** A leave of a post's holder; both days lie inside. */
export interface AbsenceInfo {
  absence_id: string
  post_id: string
  name: string
  kind: string
  starts_on: string
  ends_on: string
  stand_in_name: string | null
  note: string
}

/** Something to look at; nothing follows from it by itself. */
export interface AlarmInfo {
  /** bulk_closing | same_photo | closed_unvisited | near_road */
  key: string
  division_code: string
  zh: string
  en: string
  /** Numbers of the cases behind it, or ids of outings. */
  items: string[]
  item_kind: 'patch' | 'patrol'
  /** What there is to say of each item; empty where numbers say all. */
  notes: string[]
}

/** Signs of a period, and what could not be looked for. */
export interface AlarmList {
  items: AlarmInfo[]
  unchecked: UncheckedInfo[]
}

/** Area in one layer, before and after; 亩 not rounded. */
export interface AreaChangeInfo {
  key: string
  name: string
  before_m2: number
  after_m2: number
  delta_m2: number
  delta_mu: number
}

/** Area in one layer. */
export interface AreaRow {
  key: string
  name: string
  area_m2: number
  mu: number
  share: number
  kind: 'land' | 'control' | 'approval'
  text: string | null
}

/** Head of the audit chain, and the newest one that was taken elsewhere. */
export interface AuditHead {
  seq: number
  hash: string
  exported_seq: number | null
  exported_hash: string | null
  exported_at: string | null
  /** SHA-256 of the installation's public key file. */
  fingerprint: string
  /** As it is printed in bulletins. */
  line: string
}

/** A line that was refused, and why. */
export interface BadLineInfo {
  line: number
  code: string
  reason: string
  reason_en: string
}

/** An article of a statute, in own words. */
export interface BasisInfo {
  statute: string
  article: string
  text: string
}

/** Everything of a case beside its time line. */
export interface CaseFileInfo {
  patch_id: string
  number: string
  version: number
  state: string
  state_name: string
  state_clock: ClockInfo | null
  paused_until: string | null
  stage: string | null
  /** All five once a case was filed; else empty. */
  stages: StageInfo[]
  /** Of the stages, in the order in which they started. */
  clocks: ClockInfo[]
  pauses: PauseInfo[]
  pause_choices: PauseChoiceInfo[]
  objections: ObjectionInfo[]
  transfer: TransferInfo | null
  warnings: WarningInfo[]
  watch_until: string | null
  watch: WatchInfo[]
  /** What the caller may do now beside `actions` of the patch: pause, resume, raise_objection, withdraw_objection, reject_objection, uphold_objection, uphold_dismissing. */
  verbs: string[]
  /** Moves possible now that the two-person rule keeps for somebody else than the caller. */
  barred: ReasonInfo[]
  /** Who helps, where the patch lies in two cells. */
  help: HelpInfo | null
}

/** Papers of a case: what there is, what may be drafted, of whom they speak. */
export interface CasePapers {
  papers: PaperInfo[]
  offers: OfferInfo[]
  parties: PartyInfo[]
}

/** The transition table as data, with all names a client needs for it. */
export interface CaseTable {
  states: StateInfo[]
  moves: MoveInfo[]
  stages: ReasonInfo[]
  reasons: Record<string, ReasonInfo[]>
  fact_names: Record<string, string>
  pauses: ReasonInfo[]
  /** Kind of objection -> kind of reason it takes. */
  objection_kinds: Record<string, string>
  /** English names: of `moves` by `action/to_state`, of `reasons` by `kind/code`, of states, stages, clocks, pauses, objections, facts, duties, tasks, papers, parties, evidence and statuses by their keys. */
  names_en: Record<string, Record<string, string>>
  /** What an objection to the class may correct it to. */
  change_classes: ReasonInfo[]
}

/** One cell and who answers for it. */
export interface CellAnswerInfo {
  code: string
  name: string
  division_code: string
  division_name: string
  /** Of the cell's own post: holder | acting | vacant. */
  state: string
  /** Who answers; where the post is vacant, a colleague or somebody above. */
  person: string
  title: string
  tier: number
  field_m2: number | null
  mountain_m2: number | null
  /** GeoJSON, EPSG:4490. */
  outline: Record<string, unknown>
}

/** One cell of the grid. */
export interface CellCoverInfo {
  code: string
  name: string
  division_code: string
  division_name: string
  /** None: the period was not measured, or no cropland. */
  cropland_m2: number | null
  near_m2: number | null
  /** Cropland in m² by the time since it was last seen: one entry a step, one beyond, one for never. */
  ages_m2: number[]
}

/** The ground of a cell that was walked in a period, measured with rulers on the outlines. */
export interface CellGroundInfo {
  cell: string
  name: string
  division_code: string
  period: string
  cropland_m2: number
  covered_m2: number
  /** None: no cropland in the cell. */
  share: number | null
  /** GeoJSON, EPSG:4490. */
  covered: Record<string, unknown>
  /** GeoJSON, EPSG:4490. */
  not_covered: Record<string, unknown>
  as_of: string
  outings: OutingNearInfo[]
  /** As of now, those never seen first; at most 20. */
  unseen: UnseenInfo[]
}

/** One post: who holds it, who stands in it now, until when the holder is away. */
export interface ChainLinkInfo {
  post_id: string
  post_no: string
  title: string
  /** 1 city … 4 village. */
  tier: number
  kind: string
  kind_name: string
  division_code: string
  division_name: string
  /** holder | acting | vacant */
  state: string
  /** Who stands in it; empty where nobody does. */
  name: string
  /** Of that person; null without the right post.phone. */
  phone: string | null
  holder: string
  deputy: string
  deputy_phone: string | null
  away_kind: string | null
  /** Last day of the holder's leave. */
  away_until: string | null
}

/** One patch whose judgement would be another. */
export interface ChangeInfo {
  patch_id: string
  number: string
  division_code: string
  before: StandingInfo
  after: StandingInfo
  areas: AreaChangeInfo[]
}

/** One clock: of the state, or of a stage of the case. */
export interface ClockInfo {
  key: string
  name: string
  /** bureau: ours; party: theirs, it only runs out; limit: of the law. */
  duty: 'bureau' | 'party' | 'limit'
  duty_name: string
  started_at: string
  /** With all pauses. */
  due_at: string
  ended_at: string | null
  status: 'running' | 'done' | 'late' | 'over'
  status_name: string
  /** Working days left; negative when overdue. */
  remaining_wd: number | null
  /** Ends in a year whose holidays are not published yet. */
  is_provisional: boolean
}

/** A handover that is arranged for a day to come. */
export interface ComingInfo {
  handover_id: string
  part: string
  name: string
  takes_on: string
  recorded_by_name: string
}

/** A feature of a layer version that an upheld objection showed to be otherwise. */
export interface CorrectionInfo {
  correction_id: string
  layer_kind: string
  version_id: string
  feature_no: string
  action: 'removed' | 'changed' | 'added'
  changes: Record<string, string | null>
  reason: string
  /** The objection or paper that says so. */
  reference: string
  decided_by: string
  decided_at: string
}

/** Coverage of a period, and blind spots as of now. */
export interface CoverageInfo {
  division_code: string
  division_name: string
  period: string
  steps_days: number[]
  /** Not seen for so long: a blind spot. Not observed is not unchanged. */
  blind_days: number
  /** None: the period was not measured. */
  measured_at: string | null
  total: UnitCoverInfo
  /** The divisions one level below. */
  units: UnitCoverInfo[]
  /** Empty for a whole city. */
  cells: CellCoverInfo[]
}

/** Every step of a case's evidence. */
export interface CustodyList {
  items: CustodyStep[]
}

/** One step in the custody of a piece of evidence, or of a whole case file. */
export interface CustodyStep {
  seq: number
  /** Null: the whole file of the case. */
  evidence_id: string | null
  step: 'captured' | 'received' | 'stored' | 'viewed' | 'exported' | 'printed' | 'reviewed'
  step_name: string
  /** `captured` is by the phone's clock, all others by the server's. */
  at: string
  actor_name: string
  sha256: string
  sm3: string | null
  facts: Record<string, unknown>
}

/** How an objection is decided; upheld and corrected, it says what is true. */
export interface DecisionBody {
  upheld: boolean
  reason_code: string
  note?: string | null | undefined
  remedy?: 'corrected' | 'dismissed' | null | undefined
  /** True outline; CGCS2000, longitude first. */
  outline?: GeoJsonGeometry | null | undefined
  change_class?: string | null | undefined
  before_on?: string | null | undefined
  after_on?: string | null | undefined
  feature_action?: 'removed' | 'changed' | 'added' | undefined
  /** name, land_class_code, use, valid_from, valid_to. */
  feature_changes?: Record<string, string | null> | undefined
  version_id?: string | null | undefined
  feature_no?: string | null | undefined
}

/** One place where the stored bytes and those made again are not the same. */
export interface DifferenceInfo {
  path: string
  stored: unknown
  again: unknown
}

/** A closed case that could be drawn. */
export interface DrawableCase {
  number: string
  county_code: string
  closed_on: string
}

/** A correction of one number. */
export interface ErratumForm {
  /** kpis.KEY, indicators.KEY, townships.CODE.KEY */
  number: string
  /** A share as 0 to 1. */
  should_be: number | null
  reason: string
  /** Patches, papers, records that prove it. */
  evidence: string[]
}

/** One number put right. */
export interface ErratumInfo {
  erratum_id: string
  number: string
  name: string
  /** % marks a share of 0 to 1. */
  unit: string
  was: number | null
  should_be: number | null
  reason: string
  evidence: string[]
  noted_at: string
  /** The later bulletin that prints it. */
  told_in: string | null
}

/** Share of all closed cases that are truly put right, with an interval; null where nobody was there. */
export interface EstimateInfo {
  rate: number | null
  low: number | null
  high: number | null
  looked_at: number
  upheld: number
  population: number
}

/** One piece of evidence, everything that is known of it. */
export interface EvidenceDetail {
  evidence_id: string
  visit_id: string | null
  /** Of an officer's round; the patch is its lead's, if any. */
  finding_id: string | null
  patch_id: string | null
  kind: string
  kind_name: string
  title: string | null
  media_type: string
  size: number
  sha256: string
  sm3: string | null
  hash_ok: boolean
  captured_at: string
  received_at: string
  by_name: string
  lonlat: [number, number] | null
  accuracy_m: number | null
  bearing_deg: number | null
  distance_m: number | null
  flags: string[]
  /** 0 to 1; null for what came before scores were kept. */
  plausibility: number | null
  findings: Finding[]
  /** What sender and file say: claims, not facts. */
  claims: Record<string, unknown>
  /** Legal and technical review both accepted. */
  is_reviewed: boolean
  reviews: Review[]
  custody: CustodyStep[]
  /** The copy that is served, without EXIF. */
  url: string
  /** The sealed original; null without the right to it. */
  original_url: string | null
}

/** What came of a file; the same file again gets the same receipt. */
export interface EvidenceReceipt {
  evidence_id: string
  /** `held`: it waits for its visit. */
  status: 'recorded' | 'held'
  distance_m: number | null
  /** 0 to 1; null while it is held. */
  plausibility: number | null
  /** Doubts shown beside it; none of them refuses it. */
  flags: string[]
}

/** A field set by hand; an empty value takes the stored one back. */
export interface FieldChange {
  value?: string | number | null | undefined
  /** Needed for every field that is not the drafter's to write. */
  reason?: string | null | undefined
}

/** One field that a template may name. */
export interface FieldInfo {
  key: string
  name: string
  name_en: string
  type: string
  group_name: string
  /** Of a list: key and Chinese name of each column. */
  columns: Record<string, string>
  /** Kinds whose templates must name it. */
  required_by: string[]
}

/** Change fields of a draft. Facts are read anew, an approval no longer counts. */
export interface FieldsBody {
  fields: Record<string, FieldChange>
}

/** One check behind the plausibility score. */
export interface Finding {
  check: string
  reason: string
  /** 1: nothing speaks against it; 0: everything does. */
  factor: number
  weight: number
  text: string
}

/** What the officer of the other county found. */
export interface FindingForm {
  outcome: string
  /** Wanted unless all is as it should be. */
  note: string
  /** Where the officer stood. */
  lonlat: [number, number] | null
  accuracy_m: number | null
}

/** One revision with everything that explains it. The system suggests; a person decides. */
export interface FullJudgement {
  revision: RevisionInfo
  competent_authority_name: string | null
  measure: string | null
  legal_basis: BasisInfo[]
  sentences: FullSentence[]
  rule_ids: string[]
  areas: AreaRow[]
  /** Area that counts as unlawful: the excess only, or the whole. */
  excess_m2: number
  approved_m2: number | null
  /** What exceeds the permit, where only part does. */
  excess: GeoJsonGeometry | null
  /** What the permit covers; the two add up to the patch. */
  approved: GeoJsonGeometry | null
}

/** One sentence of the explanation. 亩 are not rounded: that is for display. */
export interface FullSentence {
  text: string
  text_en: string
  rule_id: string
  rule_version: number
  /** What the rule rests on. */
  statute: string
  source: SourceInfo
  area_m2: number | null
  mu: number | null
}

/** A place without a post of a kind that it should have. */
export interface GapInfo {
  division_code: string
  division_name: string
  kind: string
  /** Grid cells of the village that nobody of its own watches. */
  cells: number
}

/** Ground for which another officer answers than the grid says. */
export interface GridCorrectionInfo {
  correction_id: string
  division_code: string
  patch_id: string
  patch_number: string
  from_title: string
  from_name: string
  to_title: string
  to_name: string
  why: string
  recorded_at: string
  recorded_by_name: string
  revoked_at: string | null
  revoked_by_name: string | null
  revoked_reason: string | null
}

/** What a new cut is like, and what it changes. */
export interface GridCutInfo {
  division_code: string
  report: Record<string, unknown>
  token: string
  is_made: boolean
}

/** Who takes a post over. */
export interface HandoverForm {
  part: string
  name: string
  /** First day of whoever takes over; not in the future. */
  on: string
  login: string | null
  phone: string | null
  note: string
}

/** What is held, newest first. */
export interface HeldList {
  items: HeldSubmission[]
}

/** A submission that waits for its visit, or a second body under a known id. */
export interface HeldSubmission {
  held_id: string
  reason: 'no_parent' | 'other_body'
  reason_name: string
  kind: 'evidence' | 'visit' | 'patrol' | 'finding'
  submission_id: string
  /** The visit or finding that it waits for. */
  parent_id: string | null
  division_code: string
  sha256: string
  size: number
  received_at: string
  by_name: string
  settled_at: string | null
  settled_by: string | null
  outcome: string | null
  note: string | null
}

/** A patch that lies partly in the cell of the caller, who helps; somebody else leads. */
export interface HelpInfo {
  helper_id: string
  patch_id: string
  patch_number: string
  division_code: string
  cell_code: string
  /** Part of the patch in the helper's cell. */
  share: number
  named_at: string
  helper_title: string
  helper_name: string
  /** Post and person that led when the help began. */
  lead_named: string
  /** GeoJSON in EPSG:4490. */
  outline: Record<string, unknown>
  lonlat: [number, number]
}

/** A version of a layer that was in force. */
export interface LayerVersionRef {
  version_id: string
  valid_from: string | null
}

/** A stored version of a layer. */
export interface LayerVersionRow {
  version_id: string
  layer_kind: string
  county_code: string
  source_name: string
  feature_count: number
  valid_from: string
  valid_to: string | null
  imported_at: string
}

/** Leave of a post's holder. */
export interface LeaveForm {
  kind: string
  starts_on: string
  /** Last day, inside. */
  ends_on: string
  /** None: the deputy. */
  stand_in_name: string | null
  stand_in_login: string | null
  note: string
  /** Of all posts of this person. */
  every_post: boolean
}

/** Area of a patch inside one division of a level. */
export interface LevelArea {
  code: string
  name: string
  area_m2: number
  mu: number
}

/** A week's lottery with everything that lets anybody draw it again. */
export interface LotteryInfo {
  week: string
  /** SHA-256 of the week and the head of the audit chain. */
  seed: string
  audit_seq: number
  audit_hash: string
  drawn_at: string
  population: DrawableCase[]
  tickets: TicketInfo[]
  estimate: EstimateInfo
}

/** One row of the transition table. */
export interface MoveInfo {
  action: string
  name: string
  from_states: string[]
  /** Empty: the state stays. */
  to_state: string
  via: string
  reason_kind: string | null
  /** Facts that must be given with the move. */
  facts: string[]
}

/** The net of a place on a day. */
export interface NetInfo {
  on: string
  division_code: string
  division_name: string
  /** Cells by state. */
  counts: Record<string, number>
  cells: CellAnswerInfo[]
  /** Over and in the place, from the city down. */
  posts: ChainLinkInfo[]
}

/** What is wrong with the patch or the base data. */
export interface ObjectionBody {
  kind: 'geometry' | 'date' | 'class' | 'base'
  reason_code: string
  note: string
  evidence_ids?: string[] | undefined
  layer_kind?: string | null | undefined
  version_id?: string | null | undefined
  feature_no?: string | null | undefined
}

/** One objection (图斑异议, 底图异议) and its decision. */
export interface ObjectionInfo {
  objection_id: string
  patch_id: string
  number: string
  kind: 'geometry' | 'date' | 'class' | 'base'
  kind_name: string
  reason_code: string
  reason_name: string
  note: string
  evidence_ids: string[]
  /** Of base data: layer_kind, version_id, feature_no. */
  target: Record<string, unknown>
  status: 'open' | 'upheld' | 'rejected' | 'withdrawn'
  status_name: string
  raised_at: string
  raised_name: string
  /** Who is to decide. */
  owner_name: string
  owner_title: string
  due_at: string
  remaining_wd: number | null
  pauses_case: boolean
  decided_at: string | null
  decided_name: string | null
  decision_code: string | null
  decision_name: string | null
  decision_note: string | null
  /** What was corrected: figures before and after. */
  outcome: Record<string, unknown>
  /** Of the case, for If-Match. */
  version: number
  can_decide: boolean
  can_withdraw: boolean
}

/** Objections that wait for a decision, soonest deadline first. */
export interface ObjectionList {
  items: ObjectionInfo[]
}

/** Why a paper cannot be drafted now. */
export interface ObstacleInfo {
  code: string
  text: string
}

/** A kind of paper that the caller may draft, and what keeps this case from having it. */
export interface OfferInfo {
  kind: string
  name: string
  name_en: string
  /** Rests on a verdict that a person signed. */
  is_legal: boolean
  /** Issued only after another person has approved it. */
  is_two_person: boolean
  /** `refers_to` must name the paper that it serves. */
  needs_served: boolean
  is_ready: boolean
  obstacles: ObstacleInfo[]
}

/** A valid outing that passed within 100 m of the cell's cropland. */
export interface OutingNearInfo {
  patrol_id: string
  title: string
  /** Empty where only units are told. */
  name: string
  started_at: string
  ended_at: string
}

/** Posts of a kind of which a place has one only. */
export interface OverlapInfo {
  division_code: string
  division_name: string
  kind: string
  post_nos: string[]
}

/** A ticket of the caller's, with the place that is to be visited. */
export interface OwnTicket {
  ticket_id: string
  number: string
  division_name: string
  /** The county whose officer looks. */
  by_division_name: string
  /** Null where only units are shown. */
  holder_name: string | null
  due_at: string
  outcome: string | null
  outcome_name: string | null
  /** From the outline to where the officer stood. */
  distance_m: number | null
  found_at: string | null
  /** Place, outline (GeoJSON, EPSG:4490), area, day of closing. */
  brief: Record<string, unknown>
  note: string | null
}

/** One paper with its fields, its versions, and what the caller may do with it now. */
export interface PaperDetailInfo {
  paper_id: string
  patch_id: string
  kind: string
  kind_name: string
  is_legal: boolean
  is_two_person: boolean
  /** draft, approved, issued, void or withdrawn. */
  status: string
  status_name: string
  /** What `If-Match` names. */
  version: number
  number: string | null
  party_id: string | null
  refers_to: string | null
  drafted_at: string
  drafted_name: string
  approved_at: string | null
  approved_name: string | null
  issued_at: string | null
  issued_name: string | null
  docx_sha256: string | null
  pdf_sha256: string | null
  ended_at: string | null
  ended_name: string | null
  ended_reason: string | null
  served_on: string | null
  served_how: string | null
  served_to: string | null
  docx_url: string
  pdf_url: string
  fields: PaperFieldInfo[]
  /** Chinese names of fields that must be filled before issue. */
  missing: string[]
  versions: PaperVersionInfo[]
  /** revise, edit, approve, send_back, issue, withdraw, serve, void. */
  actions: string[]
}

/** One field of a draft. */
export interface PaperFieldInfo {
  key: string
  /** What a template writes in double braces. */
  name: string
  name_en: string
  group: string
  group_name: string
  /** text, date, moment, area, mu, money, count, picture, list, input … */
  type: string
  /** As stored; areas in m², money in yuan. Pictures by their SHA-256. */
  value: unknown
  /** As it stands on the paper. */
  text: string
  is_required: boolean
  /** Filled in by the platform; not to be changed. */
  is_fixed: boolean
  /** {value, was, reason, by_name, at} where changed. */
  override: Record<string, unknown> | null
}

/** One paper. */
export interface PaperInfo {
  paper_id: string
  patch_id: string
  kind: string
  kind_name: string
  is_legal: boolean
  is_two_person: boolean
  /** draft, approved, issued, void or withdrawn. */
  status: string
  status_name: string
  /** What `If-Match` names. */
  version: number
  number: string | null
  party_id: string | null
  refers_to: string | null
  drafted_at: string
  drafted_name: string
  approved_at: string | null
  approved_name: string | null
  issued_at: string | null
  issued_name: string | null
  docx_sha256: string | null
  pdf_sha256: string | null
  ended_at: string | null
  ended_name: string | null
  ended_reason: string | null
  served_on: string | null
  served_how: string | null
  served_to: string | null
  docx_url: string
  pdf_url: string
}

/** One version of a draft. */
export interface PaperVersionInfo {
  version: number
  /** generated: from fields; edited: a Word file that a person sent. */
  origin: string
  docx_sha256: string
  template_sha256: string
  reason: string | null
  made_at: string
  made_name: string
}

/** A parcel of cropland, and by whom or what it was last seen. */
export interface ParcelSeenInfo {
  number: string
  land_class_code: string
  area_m2: number
  division_code: string
  cell_code: string | null
  cell_name: string | null
  /** GeoJSON, EPSG:4490. */
  outline: Record<string, unknown>
  last_at: string | null
  days: number | null
  is_blind: boolean
  sights: SightInfo[]
}

/** A party (当事人) of a case. */
export interface PartyBody {
  kind: 'person' | 'organisation'
  name: string
  /** Resident identity number, or unified social credit code. */
  id_number?: string | null | undefined
  representative?: string | null | undefined
  address?: string | null | undefined
  phone?: string | null | undefined
  /** The party that this one corrects. */
  replaces?: string | null | undefined
}

/** A party as the caller may see it. */
export interface PartyInfo {
  party_id: string
  kind: string
  kind_name: string
  name: string
  id_number: string | null
  /** The number is hidden from the caller's role. */
  is_masked: boolean
  representative: string | null
  address: string | null
  phone: string | null
  recorded_at: string
  recorded_name: string
}

/** A patch divided by village; the areas of every level add up to the whole. */
export interface PatchPieces {
  number: string
  /** Ellipsoidal area of the outline. */
  area_m2: number
  villages: PieceInfo[]
  townships: LevelArea[]
  counties: LevelArea[]
  cities: LevelArea[]
}

/** Why the clock is to stand still, and until which day. */
export interface PauseBody {
  reason_code: string
  /** The longest that the reason allows when left out. */
  until?: string | null | undefined
  note?: string | null | undefined
}

/** A reason for which the caller may pause the clock now. */
export interface PauseChoiceInfo {
  reason_code: string
  name: string
  /** Last day on which such a pause ends. */
  latest: string
}

/** One pause of the clock. */
export interface PauseInfo {
  pause_id: string
  reason_code: string
  reason_name: string
  note: string | null
  started_at: string
  started_name: string
  /** When it ends by itself. */
  ends_at: string
  ended_at: string | null
  ended_name: string | null
  is_automatic: boolean
  is_running: boolean
}

/** Somebody who answers. */
export interface PersonInfo {
  name: string
  title: string
  tier: number
  kind: string
  kind_name: string
  post_id: string
  is_acting: boolean
  phone: string | null
}

/** One officer under both policies; every pair is (now, changed). */
export interface PersonShareInfo {
  post_id: string
  title: string
  holder_name: string
  division_code: string
  division_name: string
  sent: [number, number]
  helped: [number, number]
  waited: [number, number]
  longest_wait_days: [number, number]
  most_open: [number, number]
}

/** Part of a patch inside one village; an empty code means: in no village that is known. */
export interface PieceInfo {
  code: string
  name: string
  area_m2: number
  mu: number
  geometry: GeoJsonGeometry
}

/** Who answers for a place on a day, and the chain above, nearest first. */
export interface PlaceAnswerInfo {
  on: string
  cell_code: string | null
  cell_name: string | null
  division_code: string
  division_name: string
  answering: PersonInfo
  chain: ChainLinkInfo[]
}

/** One post in a finding. */
export interface PostBrief {
  post_no: string
  title: string
  division_code: string
  holder: string
  deputy: string
  line: number | null
}

/** Everybody who ever stood in a post, its leaves, and who is to take it over. */
export interface PostHistory {
  tenures: TenureInfo[]
  absences: AbsenceInfo[]
  coming: ComingInfo[]
}

/** The queue in the order in which it goes out, and how much one person is given. */
export interface QueueInfo {
  items: QueuedInfo[]
  /** Tasks on site that reach one person a day at most. */
  day: number
  week: number
  /** Working days after which a queued task goes out all the same. */
  longest_wd: number
}

/** One patch that waits to be handed down. */
export interface QueuedInfo {
  patch_id: string
  patch_number: string
  /** Of the case, for If-Match. */
  version: number
  division_code: string
  division_name: string
  severity: number
  post_title: string
  holder_name: string
  reason_code: string
  reason_name: string
  queued_at: string
  /** It goes out by then, whatever the budget says. */
  latest_at: string
}

/** One reason code. */
export interface ReasonInfo {
  code: string
  name: string
}

/** One office a bulletin went to. */
export interface ReceiptInfo {
  receipt_id: string
  division_code: string
  division_name: string
  post_title: string
  sent_at: string
  signed_at: string | null
  /** Null where only units are shown. */
  signed_by_name: string | null
  /** Whether the reader may sign for the office. */
  is_own: boolean
}

/** A judgement made again from its stored inputs and rules. */
export interface ReplayInfo {
  number: string
  revision: number
  is_equal: boolean
  stored_sha256: string
  again_sha256: string | null
  faults: string[]
  differences: DifferenceInfo[]
  /** The audit chain was read as well; only some roles may. */
  is_chain_checked: boolean
}

/** The newest legal or technical review. */
export interface Review {
  aspect: 'legal' | 'technical'
  aspect_name: string
  outcome: 'accepted' | 'rejected'
  by_name: string
  at: string
  note: string
}

/** A review of one aspect. */
export interface ReviewBody {
  aspect: 'legal' | 'technical'
  outcome: 'accepted' | 'rejected'
  /** Needed where it is rejected. */
  note?: string | undefined
}

/** One stored judgement of a patch; none is ever changed. */
export interface RevisionInfo {
  judgement_id: string
  revision: number
  made_at: string
  suggestion: string
  suggestion_name: string
  violation_code: string | null
  severity: number
  is_borderline: boolean
  /** Day whose law was applied. */
  law_date: string
  inputs_sha256: string
  result_sha256: string
  rules_sha256: string
  /** Upheld objections to base data that it used. */
  corrections: CorrectionInfo[]
}

/** What a line changes in a known post. */
export interface RosterChange {
  post: PostBrief
  /** Field, before, after; telephones untold. */
  fields: [string, string, string][]
}

/** Everything that a list would do, before it is done. */
export interface RosterPreviewInfo {
  division_code: string
  line_count: number
  unchanged: number
  added: PostBrief[]
  changed: RosterChange[]
  /** In force and not on the list: they stay unless asked. */
  missing: PostBrief[]
  vacant: PostBrief[]
  acting: PostBrief[]
  doubled: PostBrief[]
  overlaps: OverlapInfo[]
  gaps: GapInfo[]
  several: SeveralInfo[]
  without_account: string[]
  bad_lines: BadLineInfo[]
  ends_missing: boolean
  /** To confirm with; the same file has to come with it. */
  token: string
}

/** What came of a list. */
export interface RosterReceipt {
  imported: number
  ended: number
  bad_lines: BadLineInfo[]
}

/** A value of the policy that differs. */
export interface RuleChangeInfo {
  key: string
  now: number
  changed: number
}

/** TOML texts; a table that is left out is the current one. */
export interface RuleTexts {
  judgement?: string | null | undefined
  taxonomy?: string | null | undefined
  thresholds?: string | null | undefined
}

/** The policy in force, as TOML: what a change begins from. */
export interface RulesInfo {
  text: string
}

/** A month under the policy in force and under another; every pair is (now, changed). */
export interface RulesPreviewInfo {
  period: string
  sentence_zh: string
  sentence_en: string
  changes: RuleChangeInfo[]
  dispatches: number
  /** More than can be tried at once; the earliest were. */
  is_cut: boolean
  sent: [number, number]
  people: [number, number]
  /** Sent to a chief or a station, where no officer stands. */
  to_others: [number, number]
  still_queued: [number, number]
  /** Numbers of patches that would have gone to another officer. */
  moved: string[]
  moved_count: number
  persons: PersonShareInfo[]
}

/** When and how an issued paper reached its party. */
export interface ServiceBody {
  served_on: string
  how: string
  to: string
}

/** What comes of a second body under one id. */
export interface SettleBody {
  outcome: 'first_stands' | 'second_noted'
  note: string
}

/** A person who holds several posts. */
export interface SeveralInfo {
  name: string
  login: string
  post_nos: string[]
}

/** When one kind of source saw the parcel last. */
export interface SightInfo {
  /** patrol | visit | image | camera */
  kind: string
  /** None: never, as far as is known. */
  at: string | null
  days: number | null
  /** Id of the outing, visit or comparison; camera/preset/lead. */
  source: string | null
  label: string
}

/** Where a sentence comes from. */
export interface SourceInfo {
  /** Kind of layer; null where no layer speaks. */
  layer: string | null
  /** The version; null where several counties' versions speak. */
  version_id: string | null
  version_date: string | null
  versions: LayerVersionRef[]
  /** Numbers of the features. */
  features: string[]
  /** For reading. */
  text: string
}

/** What came of a change. */
export interface StaffedInfo {
  post_id: string
  /** Patches whose owner or holder is another now. */
  moved: string[]
  absences: AbsenceInfo[]
  /** Arranged for this day; null: done. */
  takes_on: string | null
}

/** One stage of a filed case; `reached_at` null: not yet. */
export interface StageInfo {
  key: 'filed' | 'investigated' | 'notified' | 'decided' | 'executed'
  name: string
  reached_at: string | null
  by_name: string | null
}

/** What a judgement suggests. */
export interface StandingInfo {
  suggestion: string
  suggestion_name: string
  violation_code: string | null
  severity: number
  unlawful_m2: number
  deciding_rule: string
}

/** One state of the transition table. */
export interface StateInfo {
  key: string
  name: string
  clock: string | null
  owner: string
}

/** What is wrong with a template that somebody sent. */
export interface TemplateCheck {
  is_sound: boolean
  /** Keys of the fields that it names. */
  named: string[]
  unknown: string[]
  /** Chinese names of required fields that it lacks. */
  missing: string[]
  /** Constructs that a template may not use. */
  refused: string[]
  /** All of it in one sentence, in the language asked for. */
  text: string
}

/** The template in use for a kind. */
export interface TemplateInfo {
  kind: string
  kind_name: string
  /** Six digits; null: the built-in template. */
  county_code: string | null
  name: string
  sha256: string
  added_at: string | null
  added_name: string | null
  /** Null: the built-in template. */
  template_id: string | null
  /** When another one took its place. */
  retired_at: string | null
  url: string
}

/** Somebody's time in a post. */
export interface TenureInfo {
  /** holder | deputy */
  part: string
  name: string
  valid_from: string
  /** First day without this person. */
  valid_to: string | null
}

/** A drawn case: who looks at it again, and what was found. No place: readers may be of other counties. */
export interface TicketInfo {
  ticket_id: string
  number: string
  division_name: string
  /** The county whose officer looks. */
  by_division_name: string
  /** Null where only units are shown. */
  holder_name: string | null
  due_at: string
  outcome: string | null
  outcome_name: string | null
  /** From the outline to where the officer stood. */
  distance_m: number | null
  found_at: string | null
}

/** A transfer to another authority, with its receipt. */
export interface TransferInfo {
  authority: string
  authority_name: string
  paper_no: string | null
  sent_on: string
  /** Whether the taxonomy names this authority for the violation. */
  is_competent: boolean
  reminded_on: string[]
  receipt_no: string | null
  received_on: string | null
  status: 'waiting' | 'received' | 'refused'
}

/** A sign that could not be looked for in some counties: silence there says nothing. */
export interface UncheckedInfo {
  key: string
  /** no_roads | no_fields */
  reason: string
  zh: string
  en: string
  /** Names of the counties. */
  places: string[]
}

/** A division: sums over its cells. */
export interface UnitCoverInfo {
  code: string
  name: string
  /** Of the cells whose coverage was measured. */
  cropland_m2: number
  /** Within 100 m of valid tracks of the period. */
  near_m2: number
  /** Cropland in m² by the time since it was last seen: one entry a step, one beyond, one for never. */
  ages_m2: number[]
}

/** A parcel by when it was last seen. */
export interface UnseenInfo {
  number: string
  area_m2: number
  /** None: never, as far as is known. */
  last_at: string | null
  days: number | null
  lonlat: [number, number]
}

/** One warning or escalation told to a named person. */
export interface WarningInfo {
  patch_id: string
  number: string
  clock: string
  clock_name: string
  kind: 'warn' | 'escalate'
  due_at: string
  told_at: string
  to_name: string
  post_title: string
}

/** Warnings and escalations, newest first. */
export interface WarningList {
  items: WarningInfo[]
}

/** What a later image says of the ground of a closed case. */
export interface WatchInfo {
  scene_id: string
  observed_at: string
  outcome: 'unchanged' | 'changed' | 'not_observed'
  text: string
}

/** What would flip; nothing of it is stored as a judgement. */
export interface WhatIfAnswer {
  open_count: number
  measured_count: number
  flips: ChangeInfo[]
  /** The same suggestion, other areas. */
  moves: ChangeInfo[]
  totals: AreaChangeInfo[]
}

/** Either a stored layer version or rule tables. */
export interface WhatIfBody {
  version_id?: string | null | undefined
  /** First day on which the version is in force; null: in place of the versions in force. */
  valid_from?: string | null | undefined
  rules?: RuleTexts | null | undefined
}

/** A question and, once the worker has it, its answer. */
export interface WhatIfInfo {
  what_if_id: string
  asked_at: string
  finished_at: string | null
  version_id: string | null
  valid_from: string | null
  rule_tables: string[]
  status: 'waiting' | 'answered' | 'refused'
  /** Code of the error where there is no answer. */
  refusal: string | null
  answer: WhatIfAnswer | null
}
