import { describe, expect, it } from 'vitest'
import { axisTicks, delta, indicatorText, kpiOf, readFacts, seriesOf } from '@/report/facts'
import { periodParts } from '@/shared/periods'
import type { Bulletin } from '@/shared/api/types'

const bulletin = (period: string, facts: Record<string, unknown> = {}, more: Partial<Bulletin> = {}): Bulletin => ({
  bulletin_id: period, kind: 'weekly_bulletin', kind_name: '周通报', period, division_code: '410883000000', number: 'n', status: 'issued',
  drafted_at: '', issued_at: null, facts, files: [], ...more,
})

describe('the facts of a bulletin', () => {
  it('reads what is there and invents nothing', () => {
    const facts = readFacts(bulletin('2026-W37', { title: '周通报', kpis: [{ key: 'opened', zh: '新增图斑', unit: '个', value: 0, items: [] }] }))
    expect(kpiOf(facts, 'opened')).toBe(0)
    expect(kpiOf(facts, 'closed')).toBeNull()
    expect(facts.unlawfulCroplandM2).toBeNull()
    expect(facts.townships).toEqual([])
  })

  it('colours a change by good and bad, not by up and down', () => {
    expect(delta(23, 18, 'more_is_bad', 'count')).toEqual({ text: '5', direction: 'up', tone: 'bad' })
    expect(delta(10, 20, 'more_is_bad', 'percent')).toEqual({ text: '50.0%', direction: 'down', tone: 'good' })
    expect(delta(0.916, 0.893, 'more_is_good', 'points')).toEqual({ text: '2.3pt', direction: 'up', tone: 'good' })
    expect(delta(4, 4, 'more_is_good', 'count')).toEqual({ text: '0', direction: 'same', tone: 'neutral' })
    expect(delta(4, 0, 'neutral', 'percent')?.text).toBe('—')
    expect(delta(4, null, 'neutral', 'count')).toBeNull()
  })

  it('writes shares as percentages and counts as numbers', () => {
    const of = (key: string, value: number | null) => indicatorText({ key, zh: '', formula: '', value, numerator: 0, denominator: 0, is_small: false })
    expect(of('completion_rate', 0.843)).toBe('84.3%')
    expect(of('required', 115.511)).toBe('115.5')
    expect(of('self_found_rate', null)).toBe('—')
  })

  it('keeps kinds and areas apart, in order of time', () => {
    const all = [bulletin('2026-W38'), bulletin('2026-W37'), bulletin('2026-W36', {}, { division_code: '410800000000' }), bulletin('2026-09', {}, { kind: 'monthly_ranking' })]
    expect(seriesOf(all, 'weekly_bulletin', '410883000000').map((each) => each.period)).toEqual(['2026-W37', '2026-W38'])
  })

  it('knows weeks and months', () => {
    expect(periodParts('2026-W53')).toEqual({ year: 2026, week: 53, month: null })
    expect(periodParts('2026-09')).toEqual({ year: 2026, week: null, month: 9 })
  })

  it('makes an axis of round steps that holds the largest value', () => {
    for (const max of [1, 3, 7, 41, 99, 441, 1234]) {
      const ticks = axisTicks(max)
      expect(ticks[0]).toBe(0)
      expect(ticks.at(-1)!).toBeGreaterThanOrEqual(max)
      expect(ticks.length).toBeLessThanOrEqual(6)
    }
  })
})
