import { describe, expect, it } from 'vitest'
import { csvOf, reliabilityPoints, weeksBefore } from '@/report/quality/numbers'
import type { DetectionQuality, QualityLine } from '@/shared/api/types'

const line = (key: string, confirmed: number, wrong: number): QualityLine => ({
  key, name: key, decided: confirmed + wrong,
  confirmed: Array.from({ length: confirmed }, (_, i) => ({ patch_id: `${key}${i}`, number: `C-${i}` })),
  false_alarms: Array.from({ length: wrong }, (_, i) => ({ patch_id: `${key}f${i}`, number: `F-${i}` })),
  undecided: [], precision: confirmed + wrong ? confirmed / (confirmed + wrong) : null, interval: confirmed + wrong ? [0.25, 0.75] : null, is_small: true,
})
const quality: DetectionQuality = {
  from: '2026-06-16', to: '2026-09-08', all: line('all', 2, 1), by_class: [line('=cmd', 2, 1)], by_source: [line('a,"b"', 2, 1)], by_method: [], by_week: [],
  reasons: [], expected_error: null, brier: null,
  reliability: [
    { low: 0, high: 0.1, mean_probability: null, line: line('0.0', 0, 0) },
    { low: 0.9, high: 1, mean_probability: 0.95, line: line('0.9', 2, 1) },
  ],
}

describe('quality of detection', () => {
  it('writes each group once, with the patches behind its false alarms', () => {
    const rows = csvOf(quality, ['group', 'name'], (each) => each).trimEnd().split('\r\n')
    expect(rows).toHaveLength(4)
    expect(rows[1]).toBe('all,all,3,2,1,0,0.6667,0.2500,0.7500,F-0')
  })

  it('lets no cell become a formula and quotes what must be', () => {
    const text = csvOf(quality, ['group'], (each) => each)
    expect(text).toContain(",'=cmd,")
    expect(text).toContain(',"a,""b""",')
  })

  it('draws only tenths that hold something', () => {
    expect(reliabilityPoints(quality)).toEqual([{ x: 0.95, y: 2 / 3, count: 3 }])
  })

  it('counts weeks with both ends included', () => {
    expect(weeksBefore('2026-09-07', 1)).toBe('2026-09-01')
    expect(weeksBefore('2026-03-01', 4)).toBe('2026-02-02')
  })
})
