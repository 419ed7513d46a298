/** Records the outing: each point is on disk before it is counted, so that a crash loses none. */
import { computed, ref, shallowRef, watch } from 'vue'
import { fix, startPosition } from './position'
import { clockKnown, serverNow } from './serverClock'
import { endWalk, findWalk, pointsOf, putPoint, putWalk, takeCounters } from './store'
import { added } from './sync'
import { uuid7 } from './uuid'
import { fateOf, itemOf, progressOf, type Walk, type WalkPoint } from './walk'

export const walk = shallowRef<Walk | null>(null)
const points = shallowRef<WalkPoint[]>([])
export const isRecovered = ref(false)
export const progress = computed(() => progressOf(points.value))
export const lastPoint = computed(() => points.value.at(-1) ?? null)
export const line = computed(() => points.value.map((point) => point.lonlat))

let queue: Promise<unknown> = Promise.resolve()
let lock: WakeLockSentinel | null = null

/** One write after the other: points keep their order on disk. */
function inOrder<T>(work: () => Promise<T>): Promise<T> {
  const next = queue.then(work, work)
  queue = next.catch(() => undefined)
  return next
}

/** The outing that this account left unfinished on this phone goes on. */
export async function recoverWalk(accountId: string): Promise<void> {
  if (walk.value) return
  const found = await findWalk(accountId)
  if (!found) return
  points.value = await pointsOf(found.patrol_id)
  await clockKnown
  walk.value = found
  isRecovered.value = true
  void stayAwake()
}

export async function startWalk(accountId: string, postId: string): Promise<void> {
  const fresh: Walk = {
    patrol_id: uuid7(), account_id: accountId, post_id: postId, started_at: serverNow(), is_paused: false, left_out: { poor: 0, jump: 0 },
  }
  await inOrder(() => putWalk(fresh))
  points.value = []
  isRecovered.value = false
  walk.value = fresh
  startPosition()
  void stayAwake()
  if (fix.value) await take()
}

export async function pauseWalk(isPaused: boolean): Promise<void> {
  if (!walk.value) return
  walk.value = { ...walk.value, is_paused: isPaused }
  const kept = walk.value
  await inOrder(() => putWalk(kept))
  if (isPaused) void letSleep()
  else void stayAwake()
}

/** Into the outbox, and off the list of what is under way, in one transaction. */
export async function finishWalk(): Promise<void> {
  const done = walk.value
  if (!done) return
  walk.value = null
  const counter = await takeCounters(1)
  const item = itemOf(done, points.value, Math.max(serverNow(), done.started_at + 1000), counter)
  await inOrder(() => endWalk(item))
  points.value = []
  isRecovered.value = false
  void letSleep()
  added([item])
}

async function take(): Promise<void> {
  const here = fix.value
  const under = walk.value
  if (!here || !under || under.is_paused) return
  const seen = { at: serverNow(), lonlat: here.lonlat, accuracy_m: Math.round(here.accuracyM * 10) / 10 }
  const fate = fateOf(lastPoint.value, seen)
  if (fate === 'near') return
  if (fate !== 'keep') {
    walk.value = { ...under, left_out: { ...under.left_out, [fate]: under.left_out[fate] + 1 } }
    const kept = walk.value
    await inOrder(() => putWalk(kept))
    return
  }
  const point: WalkPoint = { patrol_id: under.patrol_id, seq: points.value.length, ...seen }
  points.value = [...points.value, point]
  await inOrder(() => putPoint(point))
}

watch(fix, () => void take())

async function stayAwake(): Promise<void> {
  try {
    lock ??= (await navigator.wakeLock?.request('screen')) ?? null
    lock?.addEventListener('release', () => (lock = null))
  } catch {
    lock = null // Saving power, or in the background: the points go on as the system lets them.
  }
}

async function letSleep(): Promise<void> {
  await lock?.release().catch(() => undefined)
  lock = null
}

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && walk.value && !walk.value.is_paused) void stayAwake()
})
