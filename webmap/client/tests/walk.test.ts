import { describe, expect, it } from 'vitest'
import { bodyOf, fateOf, GAP_MS, itemOf, progressOf, STILL_MS, type Walk, type WalkPoint } from '@/field/state/walk'

const START = Date.parse('2026-09-08T09:00:00+08:00')
const at = (seq: number, ms: number, east = 0, accuracy = 6): WalkPoint => ({
  patrol_id: 'p', seq, at: START + ms, lonlat: [112.75 + east * 1e-5, 34.95], accuracy_m: accuracy,
})
const walk: Walk = { patrol_id: 'p', account_id: 'a', post_id: 'post', started_at: START, is_paused: false, left_out: { poor: 0, jump: 0 } }

describe('which positions are kept', () => {
  it('keeps the first, new ground, and a sign of life', () => {
    expect(fateOf(null, at(0, 0))).toBe('keep')
    expect(fateOf(at(0, 0), at(1, 5000, 2))).toBe('near')
    expect(fateOf(at(0, 0), at(1, 5000, 12))).toBe('keep')
    expect(fateOf(at(0, 0), at(1, STILL_MS, 0))).toBe('keep')
  })
  it('leaves out what is poor, jumps, or lies before the last', () => {
    expect(fateOf(null, at(0, 0, 0, 51))).toBe('poor')
    expect(fateOf(at(0, 0), at(1, 1000, 500))).toBe('jump')
    expect(fateOf(at(0, 5000), at(1, 5000, 40))).toBe('near')
    expect(fateOf(at(0, 5000), at(1, 4000, 40))).toBe('near')
  })
})

describe('what is told and sent', () => {
  it('does not count the way across a gap', () => {
    const told = progressOf([at(0, 0), at(1, 10_000, 100), at(2, 10_000 + GAP_MS + 1, 900), at(3, 20_000 + GAP_MS, 1000)])
    expect(told.gaps).toBe(1)
    expect(told.points).toBe(4)
    expect(told.lengthM).toBeGreaterThan(170)
    expect(told.lengthM).toBeLessThan(190)
  })
  it('sends every kept point once, in order, under the id that the phone made', () => {
    const points = Array.from({ length: 50 }, (_, n) => at(n, n * 15_000, n))
    const item = itemOf(walk, points, START + 800_000, 7)
    expect(item.id).toBe('p')
    expect(item.counter).toBe(7)
    expect(item.body.fixes).toHaveLength(50)
    expect(item.body.fixes.map((fix) => fix.t)).toEqual([...item.body.fixes.map((fix) => fix.t)].sort())
    expect(bodyOf(walk, points, START + 800_000)).toEqual(item.body)
    expect(item.body.started_at).toBe('2026-09-08T01:00:00.000Z')
  })
})
