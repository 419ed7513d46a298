import { describe, expect, it } from 'vitest'
import { correctable, isWithin, numberFrom, shownNumber } from '@/report/errata'
import { readFacts } from '@/report/facts'
import { periodsBack } from '@/shared/periods'
import { drawAgain, middleOf } from '@/report/lottery/drawing'
import { placeFrom } from '@/report/lottery/place'
import type { LotteryInfo } from '@/shared/api/casework'
import type { Bulletin } from '@/shared/api/types'

const SEED = '1ba324a3dd7021aa732f198018f84f4c25a09e50b9e94510af4f3c19c3e220a6'
const numbers = (county: string, count: number) => Array.from({ length: count }, (_, i) => `${county}-2609-${String(i + 1).padStart(4, '0')}`)
const ticket = (number: string): LotteryInfo['tickets'][number] => ({
  ticket_id: number, number, division_name: '', by_division_name: '', holder_name: null, due_at: '', outcome: null, outcome_name: null, distance_m: null, found_at: null,
})
/** As the server drew it: tests/unit/patrol/test_recheck.py draws by the same rules. */
const lottery = (more: Partial<LotteryInfo> = {}): LotteryInfo => ({
  week: '2026-W37', seed: SEED, audit_seq: 4183, audit_hash: 'ab'.repeat(32), drawn_at: '',
  population: [...numbers('410883', 13), ...numbers('410825', 5)].map((number) => ({ number, county_code: number.slice(0, 6), closed_on: '2026-09-09' })),
  tickets: ['410825-2609-0005', '410883-2609-0011', '410883-2609-0013'].map(ticket),
  estimate: { rate: null, low: null, high: null, looked_at: 0, upheld: 0, population: 18 }, ...more,
})

describe('the lottery drawn again by its reader', () => {
  it('comes out as the server drew it', async () => expect(await drawAgain(lottery())).toBe('equal'))
  it('tells a seed that was chosen', async () => expect(await drawAgain(lottery({ audit_seq: 4184 }))).toBe('seed_differs'))
  it('tells a case that was put in for another', async () => {
    const tickets = ['410825-2609-0005', '410883-2609-0001', '410883-2609-0013'].map(ticket)
    expect(await drawAgain(lottery({ tickets }))).toBe('tickets_differ')
  })
  it('finds the middle of an outline', () => {
    expect(middleOf({ type: 'MultiPolygon', coordinates: [[[[112, 34], [114, 34], [114, 38], [112, 34]]]] })).toEqual([113, 36])
    expect(middleOf(null)).toBeNull()
  })
})

describe('what is typed', () => {
  it('is a place in China, or nothing', () => {
    expect(placeFrom(' 112.95004，35.08912 ')).toEqual([112.95004, 35.08912])
    expect(placeFrom('35.08912, 112.95004')).toBeNull()
    expect(placeFrom('112.95')).toBeNull()
  })
  it('is a share in per cent, a count as it stands', () => {
    expect(numberFrom('86.5%', '%')).toBe(0.865)
    expect(numberFrom('12', '个')).toBe(12)
    expect(['', '-1', 'x'].map((typed) => numberFrom(typed, '个'))).toEqual([null, null, null])
    expect([shownNumber(0.865, '%'), shownNumber(12, '个'), shownNumber(null, '%')]).toEqual(['86.5%', '12个', '—'])
  })
  it('belongs to an area by its code', () => {
    expect(isWithin('410883000000', '410800000000')).toBe(true)
    expect(isWithin('410883105000', '410883000000')).toBe(true)
    expect(isWithin('410800000000', '410883000000')).toBe(false)
    expect(isWithin('410883000000', '')).toBe(false)
  })
  it('goes back over the turn of a year', () => {
    expect(periodsBack('2027-W02', 4)).toEqual(['2027-W02', '2027-W01', '2026-W53', '2026-W52'])
    expect(periodsBack('2026-02', 3)).toEqual(['2026-02', '2026-01', '2025-12'])
    expect(periodsBack('', 3)).toEqual([])
  })
  it('names numbers as the server does', () => {
    const facts = readFacts({
      facts: { kpis: [{ key: 'opened', zh: '新增图斑', unit: '个', value: 3, items: [] }], townships: [{ code: '410883105000', name: '西虢镇', opened: 3, score: 0.5 }] },
    } as unknown as Bulletin)
    const keys = correctable(facts).flatMap((group) => group.numbers.map((each) => each.key))
    expect(keys).toContain('kpis.opened')
    expect(keys).toContain('townships.410883105000.score')
  })
})
