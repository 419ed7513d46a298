/** Rules of the form for findings, without the screen, the store or the clock. */
import type { EvidenceItem, FindingItem, OutboxItem } from '../state/outbox'
import type { FindingDraft } from '../state/store'
import type { FindingBody, Lonlat } from '@/shared/api/types'

export type FindingLack = 'category' | 'position' | 'proof'

export function emptyFinding(): FindingDraft {
  return { assignment_id: '~finding', category: null, note: '', place: null, photos: [], saved_at: '' }
}

/** What is still missing; a photo, or at least a word on what is to be seen. */
export function findingLack(draft: FindingDraft, hasPosition: boolean): FindingLack | null {
  if (!draft.category) return 'category'
  if (draft.photos.length === 0 && draft.note.trim().length < 2) return 'proof'
  return hasPosition || draft.place ? null : 'position'
}

export interface FindingSending {
  accountId: string
  findingId: string
  patrolId: string | null
  firstCounter: number
  own: { lonlat: Lonlat; accuracyM: number } | null
  nowIso: string
}

/** The finding and its photos as outbox items, in the order in which they are sent. */
export function findingItems(draft: FindingDraft, sending: FindingSending): OutboxItem[] {
  const base = {
    visit_id: sending.findingId, account_id: sending.accountId, patch_number: '', created_at: sending.nowIso,
    status: 'waiting' as const, tries: 0, next_try_at: 0, problem: null, mend: null, sent_at: null,
  }
  const body: FindingBody = {
    patrol_id: sending.patrolId, category: draft.category!, found_at: sending.nowIso, device_counter: sending.firstCounter,
    lonlat: draft.place ?? sending.own!.lonlat, accuracy_m: Math.round((sending.own?.accuracyM ?? 0) * 10) / 10, coord_source: 'wgs84',
    own_lonlat: draft.place ? (sending.own?.lonlat ?? draft.place) : null, note: draft.note.trim(),
  }
  const finding: FindingItem = { ...base, kind: 'finding', id: sending.findingId, counter: sending.firstCounter, size: JSON.stringify(body).length, body }
  const photos = draft.photos.map((photo, i): EvidenceItem => ({
    ...base, kind: 'evidence', finding_id: sending.findingId, id: photo.id, counter: sending.firstCounter + 1 + i, size: photo.file.size,
    meta: { ...photo.meta }, file: photo.file,
  }))
  return [finding, ...photos]
}
