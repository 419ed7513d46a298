/** Patches with which the inspector helps, kept on the phone; photos go into the outbox like any others. */
import { ref, shallowRef } from 'vue'
import { ApiError, asProblem, request } from '@/shared/api/http'
import type { HelpInfo } from '@/shared/api/casework'
import type { Problem } from '@/shared/api/types'
import { photoOf } from '../state/capture'
import type { EvidenceItem } from '../state/outbox'
import { keep, putItem, remembered, takeCounters } from '../state/store'
import { added } from '../state/sync'

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
  const photo = await photoOf(file)
  const item: EvidenceItem = {
    kind: 'evidence', id: photo.id, visit_id: '', help_id: help.helper_id, account_id: account, patch_number: help.patch_number,
    counter: await takeCounters(1), created_at: photo.meta.captured_at, status: 'waiting', tries: 0, next_try_at: 0,
    problem: null, mend: null, sent_at: null, size: photo.file.size, file: photo.file, meta: photo.meta,
  }
  await putItem(item)
  added([item])
}
