import { describe, expect, it } from 'vitest'
import { insideOf } from '@/officer/net/store'

type Ring = [number, number][]

function holds(ring: Ring, [x, y]: [number, number]): boolean {
  let isIn = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [xi, yi] = ring[i]!
    const [xj, yj] = ring[j]!
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) isIn = !isIn
  }
  return isIn
}

describe('a point inside a cell', () => {
  const horseshoe: Ring = [[0, 0], [10, 0], [10, 10], [8, 10], [8, 2], [2, 2], [2, 10], [0, 10], [0, 0]]
  const outer: Ring = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
  const hole: Ring = [[2, 2], [9, 2], [9, 8], [2, 8], [2, 2]]

  it('is inside where the middle is not', () => {
    const point = insideOf({ type: 'MultiPolygon', coordinates: [[horseshoe]] })
    expect(holds(horseshoe, [5, 5])).toBe(false)
    expect(holds(horseshoe, point)).toBe(true)
  })

  it('is not in a hole', () => {
    const point = insideOf({ type: 'MultiPolygon', coordinates: [[outer, hole]] })
    expect(holds(outer, point)).toBe(true)
    expect(holds(hole, point)).toBe(false)
  })

  it('is in the widest of several parts', () => {
    const far: Ring = [[100, 0], [101, 0], [101, 10], [100, 10], [100, 0]]
    expect(holds(outer, insideOf({ type: 'MultiPolygon', coordinates: [[far], [outer]] }))).toBe(true)
  })
})
