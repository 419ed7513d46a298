/** Patches with which the inspector helps, kept on the phone; photos go into the outbox like any others. */
import { ref, shallowRef } from 'vue'
import { ApiError, asProblem, request } from '@/shared/api/http'
import type { HelpInfo } from '@/shared/api/casework'
import type { Problem } from '@/shared/api/types'
import type { EvidenceItem } from '../state/outbox'
import { fix } from '../state/position'
import { keep, putItem, remembered, takeCounters } from '../state/store'
import { added } from '../state/sync'
import { sha256Hex, uuid7 } from '../state/uuid'
import { isFromGallery } from '../state/visitForm'

export const helps = shallowRef<HelpInfo[]>([])
export const helpsProblem = ref<Problem | null>(null)

interface Kept {
  account: string
  helps: HelpInfo[]
}

export async function loadHelps(account: string): Promise<void> {
  try {
    helps.value = await request<HelpInfo[]>('/helps')
    helpsProblem.value = null
    await keep('helps', { account, helps: helps.value } satisfies Kept)
  } catch (error) {
    const kept = await remembered<Kept>('helps')
    const isOffline = error instanceof ApiError && error.isTransient
    helps.value = isOffline && kept?.account === account ? kept.helps : []
    helpsProblem.value = isOffline ? null : asProblem(error)
  }
}

/** On the phone's disk before anything is sent. */
export async function keepPhoto(help: HelpInfo, account: string, file: File): Promise<void> {
  const bytes = new Blob([await file.arrayBuffer()], { type: file.type || 'image/jpeg' })
  const now = Date.now()
  const item: EvidenceItem = {
    kind: 'evidence', id: uuid7(now), visit_id: '', help_id: help.helper_id, account_id: account, patch_number: help.patch_number,
    counter: await takeCounters(1), created_at: new Date(now).toISOString(), status: 'waiting', tries: 0, next_try_at: 0,
    problem: null, mend: null, sent_at: null, size: bytes.size, file: bytes,
    meta: {
      media_type: bytes.type, sha256: await sha256Hex(bytes), captured_at: new Date(now).toISOString(),
      lon: fix.value?.lonlat[0] ?? null, lat: fix.value?.lonlat[1] ?? null, accuracy_m: fix.value?.accuracyM ?? null,
      bearing_deg: fix.value?.headingDeg ?? null, is_from_gallery: isFromGallery(file.lastModified, now),
    },
  }
  await putItem(item)
  added([item])
}
