import { describe, expect, it } from 'vitest'
import { blindOf, classOf, seenCell, sorted, stepOf, stepWords } from '@/officer/seen/ages'
import type { CellCoverInfo, CoverageInfo } from '@/shared/api/casework'

const STEPS = [7, 30, 90]
const info = { steps_days: STEPS, blind_days: 30 } as CoverageInfo
const cellOf = (code: string, ages: number[], near: number | null, crop: number | null = 100): CellCoverInfo =>
  ({ code, name: code, division_code: '', division_name: '', cropland_m2: crop, near_m2: near, ages_m2: ages })

describe('how long ago ground was seen', () => {
  it('takes the step that the server takes: the limit itself lies beyond', () => {
    expect([0, 6, 7, 29, 30, 89, 90, 400, null].map((days) => stepOf(days, STEPS))).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4])
    expect([0, 1, 2, 3, 4].map((step) => stepWords(step, STEPS)[0])).toEqual(['within', 'between', 'between', 'beyond', 'never'])
  })
  it('counts as blind what is too long ago and what never was', () => {
    expect(blindOf([1, 2, 4, 8, 16], STEPS, 30)).toBe(28)
  })
  it('puts a share into one of five classes', () => {
    expect([0, 0.0999, 0.1, 0.25, 0.5, 0.75, 1].map(classOf)).toEqual([0, 0, 1, 2, 3, 4, 4])
  })
})

describe('the order of cells', () => {
  const cells = [
    cellOf('a', [50, 0, 10, 0, 0], 90), cellOf('b', [0, 0, 0, 0, 70], 5), cellOf('c', [0, 0, 0, 0, 0], null, null), cellOf('d', [100, 0, 0, 0, 0], 0),
  ].map((cell) => seenCell(cell, undefined, info))
  it('is worst first by blind ground, and by coverage', () => {
    expect(sorted(cells, 'blind').map((cell) => cell.code)).toEqual(['b', 'a', 'd', 'c'])
    expect(sorted(cells, 'near').map((cell) => cell.code)).toEqual(['d', 'b', 'a', 'c'])
  })
  it('tells nothing of a cell without cropland rather than zero', () => {
    expect(cells[2]).toMatchObject({ nearShare: null, blindShare: null })
  })
})
