/**
 * What waits to be sent, as plain data and pure functions: nothing here touches the network, the
 * store or the clock. An item is waiting → sending → sent, or refused (the server said no: only a
 * person can go on). A photo is held until its visit or finding has been accepted.
 */
import type { FindingBody, PatrolBody, VisitBody } from '@/shared/api/types'

export type ItemStatus = 'waiting' | 'sending' | 'sent' | 'refused'

export interface EvidenceMeta {
  media_type: string
  sha256: string
  captured_at: string
  lon: number | null
  lat: number | null
  accuracy_m: number | null
  bearing_deg: number | null
  is_from_gallery: boolean
}

interface ItemBase {
  /** UUIDv7 made on this device: the server's primary key, so that sending twice stores once. */
  id: string
  visit_id: string
  /** Who made it: nobody else's session sends it. */
  account_id: string
  patch_number: string
  /** Order on this device, whatever its clock says. */
  counter: number
  created_at: string
  status: ItemStatus
  tries: number
  /** Not before this moment, ms since 1970. */
  next_try_at: number
  problem: string | null
  mend: string | null
  size: number
  sent_at: string | null
}

export interface VisitItem extends ItemBase {
  kind: 'visit'
  body: VisitBody
}

export interface EvidenceItem extends ItemBase {
  kind: 'evidence'
  meta: EvidenceMeta
  /** A helper's photo of a shared patch: it belongs to no visit. */
  help_id?: string
  /** A photo of a finding, whose id is its `visit_id` as well. */
  finding_id?: string
  /** Dropped once the server has it. */
  file: Blob | null
}

/** A whole outing; `visit_id` is its own id. */
export interface PatrolItem extends ItemBase {
  kind: 'patrol'
  body: PatrolBody
}

/** Something found on a round; `visit_id` is its own id. */
export interface FindingItem extends ItemBase {
  kind: 'finding'
  body: FindingBody
}

export type OutboxItem = VisitItem | EvidenceItem | PatrolItem | FindingItem

export interface Failure {
  /** No network, overload, a fault of the server: try again later by itself. */
  isTransient: boolean
  /** Nobody is signed in: wait for that, without counting a try. */
  isSignedOut: boolean
  text: string
  mend: string | null
}

const FIRST_WAIT_MS = 2000
const LONGEST_WAIT_MS = 5 * 60_000

export function waitMs(tries: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, tries - 1))
}

function isParentSent(items: readonly OutboxItem[], parentId: string): boolean {
  const parent = items.find((item) => (item.kind === 'visit' || item.kind === 'finding') && item.visit_id === parentId)
  return parent === undefined || parent.status === 'sent'
}

/** An outing waits for visits made on it: they prove its tasks. One that was refused is waited for no longer. */
function waitsForVisits(items: readonly OutboxItem[], patrol: PatrolItem): boolean {
  const [from, to] = [Date.parse(patrol.body.started_at), Date.parse(patrol.body.ended_at)]
  return items.some((item) => {
    if (item.kind !== 'visit' || item.account_id !== patrol.account_id) return false
    const at = Date.parse(item.body.device_time)
    return (item.status === 'waiting' || item.status === 'sending') && at >= from && at <= to
  })
}

export function isHeld(items: readonly OutboxItem[], item: OutboxItem): boolean {
  if (item.kind === 'patrol') return item.status === 'waiting' && waitsForVisits(items, item)
  return item.kind === 'evidence' && item.status === 'waiting' && !isParentSent(items, item.visit_id)
}

/** The item to send now: oldest first, photos after their visit or finding, none before its time. */
export function nextDue(items: readonly OutboxItem[], now: number): OutboxItem | null {
  const due = items.filter((item) => item.status === 'waiting' && item.next_try_at <= now && !isHeld(items, item))
  return due.sort((a, b) => a.counter - b.counter)[0] ?? null
}

/** When to look again, ms since 1970; null where nothing waits on time alone. */
export function nextWake(items: readonly OutboxItem[]): number | null {
  const times = items.filter((item) => item.status === 'waiting' && !isHeld(items, item)).map((item) => item.next_try_at)
  return times.length > 0 ? Math.min(...times) : null
}

export function started<T extends OutboxItem>(item: T): T {
  return { ...item, status: 'sending' }
}

export function succeeded<T extends OutboxItem>(item: T, nowIso: string): T {
  const done = { ...item, status: 'sent' as const, problem: null, mend: null, sent_at: nowIso }
  return done.kind === 'evidence' ? { ...done, file: null } : done
}

export function failed<T extends OutboxItem>(item: T, failure: Failure, now: number): T {
  const told = { ...item, problem: failure.text, mend: failure.mend }
  if (failure.isSignedOut) return { ...told, status: 'waiting', next_try_at: now }
  const tries = item.tries + 1
  if (!failure.isTransient) return { ...told, tries, status: 'refused' }
  return { ...told, tries, status: 'waiting', next_try_at: now + waitMs(tries) }
}

/** A person asks for another try, now. */
export function retried<T extends OutboxItem>(item: T, now: number): T {
  return item.status === 'sent' || item.status === 'sending' ? item : { ...item, status: 'waiting', next_try_at: now }
}

/** After a crash or reload nothing is in flight: what was being sent is sent again under its id. */
export function recovered(items: readonly OutboxItem[]): OutboxItem[] {
  return items.map((item) => (item.status === 'sending' ? { ...item, status: 'waiting', next_try_at: 0 } : item))
}

export interface Summary {
  tone: 'synced' | 'sending' | 'waiting' | 'offline' | 'failed'
  unsent: number
  refused: number
  done: number
  total: number
}

/** One line for the pill in the header. `total` counts what was unsent or sent since the last calm. */
export function summarize(items: readonly OutboxItem[], isOnline: boolean): Summary {
  const unsent = items.filter((item) => item.status !== 'sent').length
  const refused = items.filter((item) => item.status === 'refused').length
  const isSending = items.some((item) => item.status === 'sending')
  const visits = new Set(items.filter((item) => item.status !== 'sent').map((item) => item.visit_id))
  const batch = items.filter((item) => visits.has(item.visit_id))
  const done = batch.filter((item) => item.status === 'sent').length
  const tone = refused > 0 ? 'failed' : unsent === 0 ? 'synced' : !isOnline ? 'offline' : isSending ? 'sending' : 'waiting'
  return { tone, unsent, refused, done, total: batch.length }
}
