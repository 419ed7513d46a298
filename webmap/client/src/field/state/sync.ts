/** Sends the outbox, one item at a time, and shows where it stands. */
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { ApiError, requestAnswer } from '@/shared/api/http'
import { failed, nextDue, nextWake, recovered, retried, started, succeeded, summarize, type Failure, type OutboxItem } from './outbox'
import { allItems, putItem, removeItems } from './store'

const KEEP_SENT = 60

export const items = shallowRef<OutboxItem[]>([])
export const isOnline = ref(navigator.onLine)
export const summary = computed(() => summarize(items.value, isOnline.value))
/** Counts completed visits, for the task list to reload. */
export const visitsSent = ref(0)
/** Counts outings that have arrived, for the list of them to reload. */
export const patrolsSent = ref(0)

/** Counts findings and photos of theirs that have arrived. */
export const findingsSent = ref(0)

/** The account whose session sends; null while nobody is signed in. */
let account: string | null = null
let timer: ReturnType<typeof setTimeout> | undefined
let isRunning = false
let isAskedAgain = false

async function save(item: OutboxItem): Promise<void> {
  await putItem(item)
  items.value = items.value.map((each) => (each.id === item.id ? item : each))
}

async function send(item: OutboxItem): Promise<void> {
  if (item.kind === 'visit') {
    await api.putVisit(item.visit_id, item.body)
    return
  }
  if (item.kind === 'patrol') {
    await api.putPatrol(item.id, item.body)
    return
  }
  if (item.kind === 'finding') {
    await requestAnswer(`/findings/${item.id}`, { method: 'PUT', body: item.body })
    return
  }
  if (!item.file) throw new Error('The photo is gone from this device.')
  const { meta } = item
  const headers: Record<string, string> = {
    'Content-Type': meta.media_type, 'X-Content-SHA256': meta.sha256, 'X-Captured-At': meta.captured_at,
    'X-Coord-Source': 'wgs84', 'X-From-Gallery': String(meta.is_from_gallery),
  }
  const optional = { 'X-Lon': meta.lon, 'X-Lat': meta.lat, 'X-Accuracy-M': meta.accuracy_m, 'X-Bearing-Deg': meta.bearing_deg }
  for (const [name, value] of Object.entries(optional)) if (value !== null) headers[name] = String(value)
  if (item.finding_id) await requestAnswer(`/findings/${item.finding_id}/evidence/${item.id}`, { method: 'PUT', raw: item.file, headers })
  else if (item.help_id) await requestAnswer(`/helps/${item.help_id}/evidence/${item.id}`, { method: 'PUT', raw: item.file, headers })
  else await api.putEvidence(item.visit_id, item.id, item.file, headers)
}

function failureOf(error: unknown): Failure {
  if (error instanceof ApiError) {
    return {
      isTransient: error.isTransient, isSignedOut: error.status === 401, text: error.problem.detail || error.problem.title,
      mend: error.problem.mend ?? null,
    }
  }
  return { isTransient: false, isSignedOut: false, text: error instanceof Error ? error.message : String(error), mend: null }
}

async function drain(): Promise<void> {
  for (;;) {
    const mine = items.value.filter((each) => each.account_id === account)
    const item = navigator.onLine && account ? nextDue(mine, Date.now()) : null
    if (!item) return
    await save(started(item))
    try {
      await send(item)
      await save(succeeded(item, new Date().toISOString()))
      if (item.kind === 'visit') visitsSent.value += 1
      if (item.kind === 'patrol') patrolsSent.value += 1
      if (item.kind === 'finding' || (item.kind === 'evidence' && item.finding_id)) findingsSent.value += 1
    } catch (error) {
      const failure = failureOf(error)
      await save(failed(item, failure, Date.now()))
      if (failure.isSignedOut) account = null
    }
  }
}

/** Only one page of this browser sends at a time. */
async function exclusively(work: () => Promise<void>): Promise<void> {
  if (!('locks' in navigator)) return work()
  await navigator.locks.request('landwarden-outbox', { ifAvailable: true }, (lock) => (lock ? work() : undefined))
}

export async function kick(): Promise<void> {
  if (isRunning) {
    isAskedAgain = true
    return
  }
  isRunning = true
  clearTimeout(timer)
  try {
    do {
      isAskedAgain = false
      await exclusively(drain)
    } while (isAskedAgain)
  } finally {
    isRunning = false
  }
  const wake = nextWake(items.value.filter((each) => each.account_id === account))
  if (wake !== null) timer = setTimeout(() => void kick(), Math.max(1000, wake - Date.now()))
}

/** Somebody signed in (or out): from now on this session sends, and only its own items. */
export function sendAs(accountId: string | null): void {
  account = accountId
  if (account) void kick()
}

export async function startSync(): Promise<void> {
  items.value = recovered(await allItems())
  const sent = items.value.filter((item) => item.status === 'sent').sort((a, b) => b.counter - a.counter).slice(KEEP_SENT)
  if (sent.length > 0) {
    await removeItems(sent.map((item) => item.id))
    items.value = items.value.filter((item) => !sent.includes(item))
  }
  window.addEventListener('online', () => {
    isOnline.value = true
    void retryAll()
  })
  window.addEventListener('offline', () => (isOnline.value = false))
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void kick()
  })
}

export function added(fresh: readonly OutboxItem[]): void {
  items.value = [...items.value, ...fresh]
  void kick()
}

export async function retry(item: OutboxItem): Promise<void> {
  await save(retried(item, Date.now()))
  void kick()
}

/** Back on the net: what only waited for time need not wait longer. */
export async function retryAll(): Promise<void> {
  const now = Date.now()
  items.value = items.value.map((item) => (item.status === 'waiting' ? retried(item, now) : item))
  await kick()
}
