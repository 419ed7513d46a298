/**
 * One outing on its way: which positions are kept, and what is sent at its end. Pure, without screen, store or clock;
 * pauses are gaps between the points, and the server says what counts.
 */
import { distanceM } from '@/shared/geo/measure'
import type { OutboxItem, PatrolItem } from './outbox'
import type { Lonlat, PatrolBody } from '@/shared/api/types'

export const NEAR_M = 10
export const STILL_MS = 15_000
export const POOR_M = 50
/** Faster than this is a jump of the position, not a way walked or driven. */
export const FAST_M_S = 40
export const GAP_MS = 3 * 60_000

export interface WalkPoint {
  patrol_id: string
  seq: number
  /** ms since 1970. */
  at: number
  lonlat: Lonlat
  accuracy_m: number
}

export interface Walk {
  patrol_id: string
  account_id: string
  post_id: string
  started_at: number
  is_paused: boolean
  /** False: an outing for tasks that records no positions. Outings from before this was asked have it not. */
  has_track?: boolean
  /** Positions that were not kept, by reason. */
  left_out: { poor: number; jump: number }
}

export type Fate = 'keep' | 'near' | 'poor' | 'jump'

/** Whether a position is worth a point: new ground, or a sign of life every quarter of a minute. */
export function fateOf(last: WalkPoint | null, next: Pick<WalkPoint, 'at' | 'lonlat' | 'accuracy_m'>): Fate {
  if (next.accuracy_m > POOR_M) return 'poor'
  if (last === null) return 'keep'
  const elapsedMs = next.at - last.at
  if (elapsedMs <= 0) return 'near'
  const metres = distanceM(last.lonlat, next.lonlat)
  if (metres > FAST_M_S * (elapsedMs / 1000) + last.accuracy_m + next.accuracy_m) return 'jump'
  return metres >= NEAR_M || elapsedMs >= STILL_MS ? 'keep' : 'near'
}

export interface Progress {
  lengthM: number
  points: number
  /** Stretches without a position, pauses included. */
  gaps: number
}

export function progressOf(points: readonly WalkPoint[]): Progress {
  let lengthM = 0
  let gaps = 0
  for (let i = 1; i < points.length; i += 1) {
    if (points[i]!.at - points[i - 1]!.at > GAP_MS) gaps += 1
    else lengthM += distanceM(points[i - 1]!.lonlat, points[i]!.lonlat)
  }
  return { lengthM, points: points.length, gaps }
}

/** Tasks with a visit of this account since a moment; without a track they are what makes the outing count. */
export function tasksSince(items: readonly OutboxItem[], accountId: string, startedAt: number): number {
  const visits = items.filter((item) => item.kind === 'visit' && item.account_id === accountId && Date.parse(item.body.device_time) >= startedAt)
  return new Set(visits.map((item) => (item.kind === 'visit' ? item.body.assignment_id : ''))).size
}

export function bodyOf(walk: Walk, points: readonly WalkPoint[], endedAt: number, tasks = 0): PatrolBody {
  const iso = (ms: number): string => new Date(ms).toISOString()
  return {
    post_id: walk.post_id, started_at: iso(walk.started_at), ended_at: iso(endedAt),
    fixes: points.map((point) => ({ t: iso(point.at), lon: point.lonlat[0], lat: point.lonlat[1], accuracy_m: point.accuracy_m })),
    ...(tasks > 0 ? { tasks_visited: tasks } : {}),
  }
}

/** The finished outing as an item of the outbox. */
export function itemOf(walk: Walk, points: readonly WalkPoint[], endedAt: number, counter: number, tasks = 0): PatrolItem {
  const body = bodyOf(walk, points, endedAt, tasks)
  return {
    kind: 'patrol', id: walk.patrol_id, visit_id: walk.patrol_id, account_id: walk.account_id, patch_number: '', counter,
    created_at: new Date(endedAt).toISOString(), status: 'waiting', tries: 0, next_try_at: 0, problem: null, mend: null,
    size: JSON.stringify(body).length, sent_at: null, body,
  }
}
