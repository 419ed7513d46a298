/** The lottery drawn again by the reader: from the head of the audit chain to the tickets. */
import type { LotteryInfo } from '@/shared/api/casework'

export type Check = 'equal' | 'seed_differs' | 'tickets_differ' | 'unavailable'

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** SHA-256 of JSON with sorted keys and no spaces. */
export const seedOf = (lottery: Pick<LotteryInfo, 'audit_hash' | 'audit_seq' | 'week'>): Promise<string> =>
  sha256(JSON.stringify({ audit_hash: lottery.audit_hash, audit_seq: lottery.audit_seq, week: lottery.week }))

/** Of each county the cases with the smallest lots, as many as were drawn there. */
async function drawn(lottery: LotteryInfo): Promise<string[]> {
  const lots = await Promise.all(lottery.population.map(async (each) => ({ ...each, lot: await sha256(`${lottery.seed}/${each.number}`) })))
  const isDrawn = new Set(lottery.tickets.map((ticket) => ticket.number))
  const left = new Map<string, number>()
  for (const each of lots) if (isDrawn.has(each.number)) left.set(each.county_code, (left.get(each.county_code) ?? 0) + 1)
  const numbers = []
  for (const each of lots.sort((a, b) => (a.lot < b.lot ? -1 : 1))) {
    const open = left.get(each.county_code) ?? 0
    if (open > 0) numbers.push(each.number)
    left.set(each.county_code, open - 1)
  }
  return numbers.sort()
}

export async function drawAgain(lottery: LotteryInfo): Promise<Check> {
  if (!globalThis.crypto?.subtle) return 'unavailable'
  if ((await seedOf(lottery)) !== lottery.seed) return 'seed_differs'
  const told = lottery.tickets.map((ticket) => ticket.number).sort()
  return JSON.stringify(await drawn(lottery)) === JSON.stringify(told) ? 'equal' : 'tickets_differ'
}

/** Middle of the outline's box, for the way there. */
export function middleOf(outline: unknown): [number, number] | null {
  const places: number[][] = []
  const walk = (value: unknown): void => {
    if (!Array.isArray(value)) return
    if (typeof value[0] === 'number') places.push(value as number[])
    else value.forEach(walk)
  }
  walk((outline as { coordinates?: unknown } | null)?.coordinates)
  if (places.length === 0) return null
  const of = (axis: 0 | 1): number => {
    const values = places.map((place) => place[axis] ?? Number.NaN)
    return (Math.min(...values) + Math.max(...values)) / 2
  }
  return [of(0), of(1)]
}
