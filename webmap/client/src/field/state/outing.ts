/** The inspector's next outing: made by the server from the tasks as they stand, kept for when there is no signal. */
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { ApiError, asProblem } from '@/shared/api/http'
import { fix } from './position'
import { keep, remembered } from './store'
import { visitOf } from './tasks'
import type { Outing, OutingStop, Problem } from '@/shared/api/types'

export const outing = shallowRef<Outing | null>(null)
export const outingProblem = ref<Problem | null>(null)
export const isReckoning = ref(false)
/** No answer from the server: what is shown, if anything, comes from the phone's memory. */
export const isOutingKept = ref(false)

interface Kept {
  account: string
  outing: Outing
}

let latest = 0

export async function loadOuting(account: string): Promise<void> {
  const turn = ++latest
  isReckoning.value = true
  const [lon, lat] = fix.value?.lonlat ?? []
  try {
    const next = await api.nextOuting({ lon, lat })
    if (turn !== latest) return
    outing.value = next
    isOutingKept.value = false
    outingProblem.value = null
    await keep('outing', { account, outing: next } satisfies Kept)
  } catch (error) {
    if (turn !== latest) return
    const isOffline = error instanceof ApiError && error.isTransient
    const kept = isOffline ? await remembered<Kept>('outing') : null
    if (isOffline) outing.value = kept?.account === account ? kept.outing : null
    isOutingKept.value = isOffline
    outingProblem.value = isOffline ? null : asProblem(error)
  }
  if (turn === latest) isReckoning.value = false
}

/** The first stop that has no visit on this phone yet. */
export const nextStop = computed<OutingStop | null>(
  () => outing.value?.stops.find((stop) => visitOf(stop.assignment.assignment_id) === null) ?? null,
)
