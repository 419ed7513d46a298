/** Rules of the visit form, without the screen. */
import type { Draft } from './store'
import type { EvidenceItem, OutboxItem, VisitItem } from './outbox'
import type { VisitBody } from '@/shared/api/types'

export const FAR_M = 200
/** A picture whose file is older than this when chosen was not taken just now. */
const FRESH_MS = 2 * 60_000

export type VisitLack = 'position' | 'finding' | 'stopped' | 'photo' | 'note'

export function emptyDraft(assignmentId: string): Draft {
  return { assignment_id: assignmentId, finding: null, use_text: '', party_text: '', is_stopped: null, note: '', photos: [], saved_at: '' }
}

/** `distanceM` to the outline; null where the outline is not known on this phone. */
export function visitLack(draft: Draft, hasPosition: boolean, distanceM: number | null): VisitLack | null {
  if (!draft.finding) return 'finding'
  if (needsStopped(draft) && draft.is_stopped === null) return 'stopped'
  if (draft.photos.length === 0) return 'photo'
  if (distanceM !== null && distanceM > FAR_M && draft.note.trim().length < 2) return 'note'
  return hasPosition ? null : 'position'
}

export const needsStopped = (draft: Draft): boolean => draft.finding === 'built' || draft.finding === 'under_construction' || draft.finding === 'other'

export function isFromGallery(fileModifiedMs: number, nowMs: number): boolean {
  return nowMs - fileModifiedMs > FRESH_MS
}

export interface Sending {
  accountId: string
  patchNumber: string
  visitId: string
  firstCounter: number
  place: Pick<VisitBody, 'lonlat' | 'accuracy_m' | 'heading_deg' | 'heading_source'>
  nowIso: string
}

/** The visit and its photos as outbox items, in the order in which they are sent. */
export function itemsOf(draft: Draft, sending: Sending): OutboxItem[] {
  const base = {
    visit_id: sending.visitId, account_id: sending.accountId, patch_number: sending.patchNumber, created_at: sending.nowIso,
    status: 'waiting' as const, tries: 0, next_try_at: 0, problem: null, mend: null, sent_at: null,
  }
  const body: VisitBody = {
    assignment_id: draft.assignment_id, device_time: sending.nowIso, device_counter: sending.firstCounter, ...sending.place,
    coord_source: 'wgs84', finding: draft.finding!, use_text: draft.use_text.trim(), party_text: draft.party_text.trim(),
    is_stopped: draft.is_stopped ?? true, note: draft.note.trim(),
  }
  const visit: VisitItem = { ...base, kind: 'visit', id: sending.visitId, counter: sending.firstCounter, size: JSON.stringify(body).length, body }
  const photos = draft.photos.map((photo, i): EvidenceItem => ({
    ...base, kind: 'evidence', id: photo.id, counter: sending.firstCounter + 1 + i, size: photo.file.size, meta: { ...photo.meta }, file: photo.file,
  }))
  return [visit, ...photos]
}
