/** Records the outing: each point is on disk before it is counted, so that a crash loses none. */
import { computed, ref, shallowRef, watch } from 'vue'
import { t } from '../i18n'
import { tell } from './notice'
import type { PatrolItem } from './outbox'
import { fix, startPosition } from './position'
import { clockKnown, serverNow } from './serverClock'
import { endWalk, findWalk, pointsOf, putPoint, putWalk, takeCounters } from './store'
import { added, items } from './sync'
import { uuid7 } from './uuid'
import { fateOf, itemOf, progressOf, tasksSince, type Walk, type WalkPoint } from './walk'

export const walk = shallowRef<Walk | null>(null)
const points = shallowRef<WalkPoint[]>([])
export const isRecovered = ref(false)
export const progress = computed(() => progressOf(points.value))
export const lastPoint = computed(() => points.value.at(-1) ?? null)
export const line = computed(() => points.value.map((point) => point.lonlat))

const OWN_MS = 3000
let queue: Promise<unknown> = Promise.resolve()
let lock: WakeLockSentinel | null = null

/** One write after the other: points keep their order on disk. */
function inOrder<T>(work: () => Promise<T>): Promise<T> {
  const next = queue.then(work, work)
  queue = next.catch(() => undefined)
  return next
}

let owning: Promise<boolean> | null = null

/** One page of this phone records; it owns the outing until it closes. A page that is going may take a moment. */
function own(): Promise<boolean> {
  owning ??= new Promise((resolve) => {
    if (!('locks' in navigator)) {
      resolve(true)
      return
    }
    const held = navigator.locks.request('landwarden-walk', { signal: AbortSignal.timeout(OWN_MS) }, () => {
      resolve(true)
      return new Promise<never>(() => undefined)
    })
    held.catch(() => {
      owning = null
      resolve(false)
    })
  })
  return owning
}

/** A write that fails is said, and nothing is told as kept that is not. */
async function stored(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch {
    tell(t('patrol.disk_failed'), 'bad')
    return false
  }
}

/** The outing that this account left unfinished on this phone goes on. */
export async function recoverWalk(accountId: string): Promise<void> {
  if (walk.value) return
  const found = await findWalk(accountId)
  if (!found) return
  if (!(await own())) {
    tell(t('patrol.elsewhere'), 'bad')
    return
  }
  const kept = await pointsOf(found.patrol_id)
  await clockKnown
  if (walk.value) return
  points.value = kept
  walk.value = found
  isRecovered.value = true
  if (found.has_track !== false) void stayAwake()
}

export async function startWalk(accountId: string, postId: string, hasTrack = true): Promise<void> {
  if (!(await own())) {
    tell(t('patrol.elsewhere'), 'bad')
    return
  }
  const fresh: Walk = {
    patrol_id: uuid7(), account_id: accountId, post_id: postId, started_at: serverNow(), is_paused: false, has_track: hasTrack,
    left_out: { poor: 0, jump: 0 },
  }
  await inOrder(async () => {
    if (walk.value || !(await stored(() => putWalk(fresh)))) return
    points.value = []
    isRecovered.value = false
    walk.value = fresh
  })
  startPosition()
  if (hasTrack) void stayAwake()
  if (fix.value) await take()
}

export async function pauseWalk(isPaused: boolean): Promise<void> {
  await inOrder(async () => {
    const next = walk.value && { ...walk.value, is_paused: isPaused }
    if (next && (await stored(() => putWalk(next)))) walk.value = next
  })
  if (isPaused) void letSleep()
  else if (walk.value?.has_track !== false) void stayAwake()
}

/** Into the outbox, and off the list of what is under way, in one transaction; before that it has not ended. */
export async function finishWalk(): Promise<void> {
  await inOrder(async () => {
    const done = walk.value
    if (!done) return
    const endedAt = Math.max(serverNow(), done.started_at + 1000)
    let item: PatrolItem | null = null
    const isEnded = await stored(async () => {
      const tasks = tasksSince(items.value, done.account_id, done.started_at)
      item = itemOf(done, points.value, endedAt, await takeCounters(1), tasks)
      await endWalk(item)
    })
    if (!isEnded || !item) return
    walk.value = null
    points.value = []
    isRecovered.value = false
    void letSleep()
    added([item])
  })
}

/** Decided, written and counted one position after the other: each has its own number on disk. */
function take(): Promise<void> {
  return inOrder(async () => {
    const here = fix.value
    const under = walk.value
    if (!here || !under || under.is_paused || under.has_track === false) return
    const seen = { at: serverNow(), lonlat: here.lonlat, accuracy_m: Math.round(here.accuracyM * 10) / 10 }
    const fate = fateOf(lastPoint.value, seen)
    if (fate === 'near') return
    if (fate !== 'keep') {
      const next = { ...under, left_out: { ...under.left_out, [fate]: under.left_out[fate] + 1 } }
      if (await stored(() => putWalk(next))) walk.value = next
      return
    }
    const point: WalkPoint = { patrol_id: under.patrol_id, seq: points.value.length, ...seen }
    if (await stored(() => putPoint(point))) points.value = [...points.value, point]
  })
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
  if (document.visibilityState === 'visible' && walk.value && !walk.value.is_paused && walk.value.has_track !== false) void stayAwake()
})
