/** The facts of a bulletin, read from JSON with care: a number that is not there is null, never 0. */
import type { Bulletin, RankingRow } from '@/shared/api/types'

export interface Kpi {
  key: string
  zh: string
  unit: string
  value: number
  items: string[]
}

export interface IndicatorFact {
  key: string
  zh: string
  formula: string
  value: number | null
  numerator: number
  denominator: number
  is_small: boolean
}

export interface TownshipFact {
  code: string
  name: string
  opened: number
  dispatched: number
  verified: number
  unlawful: number
  ordered: number
  filed: number
  closed: number
  overdue: number
  score: number | null
  rank: number | null
  is_small: boolean
}

export interface OverdueFact {
  key: string
  number: string
  place: string
  state_name: string
  owner: string
  due_at: string
  overdue_wd: number
}

export interface PersonBlock {
  key: string
  zh: string
  rows: RankingRow[]
  /** Lines there are, where only the first were asked for. */
  total?: number
}

export interface Facts {
  title: string
  titlePeriod: string
  issuer: string
  first: string
  last: string
  asOf: string
  leadTotal: number | null
  kpis: Kpi[]
  unlawfulCroplandM2: number | null
  unlawfulBasicFarmlandM2: number | null
  indicators: IndicatorFact[]
  townships: TownshipFact[]
  units: PersonBlock[]
  persons: PersonBlock[]
  overdue: OverdueFact[]
  summary: string[]
  requirements: string[]
  unobserved: string[]
  definitions: { key: string; zh: string; formula: string }[]
}

const list = <T>(value: unknown): T[] => (Array.isArray(value) ? (value as T[]) : [])
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)

export function readFacts(bulletin: Bulletin): Facts {
  const raw = bulletin.facts
  return {
    title: text(raw.title) || bulletin.kind_name,
    titlePeriod: text(raw.title_period) || bulletin.period,
    issuer: text(raw.issuer),
    first: text(raw.first),
    last: text(raw.last),
    asOf: text(raw.as_of),
    leadTotal: number(raw.lead_total),
    kpis: list<Kpi>(raw.kpis),
    unlawfulCroplandM2: number(raw.unlawful_cropland_m2),
    unlawfulBasicFarmlandM2: number(raw.unlawful_basic_farmland_m2),
    indicators: list<IndicatorFact>(raw.indicators),
    townships: list<TownshipFact>(raw.townships),
    units: list<PersonBlock>(raw.units),
    persons: list<PersonBlock>(raw.persons),
    overdue: list<OverdueFact>(raw.overdue),
    summary: list<string>(raw.summary),
    requirements: list<string>(raw.requirements),
    unobserved: list<string>(raw.unobserved),
    definitions: list(raw.definitions),
  }
}

export const kpiOf = (facts: Facts, key: string): number | null => facts.kpis.find((kpi) => kpi.key === key)?.value ?? null
export const rateOf = (facts: Facts, key: string): IndicatorFact | null => facts.indicators.find((each) => each.key === key) ?? null

/** A share as a percentage, a count (应巡, 有效) as a number. */
export function indicatorText(indicator: IndicatorFact): string {
  if (indicator.value === null) return '—'
  const isShare = indicator.key.endsWith('_rate')
  return isShare ? `${(indicator.value * 100).toFixed(1)}%` : String(+indicator.value.toFixed(1))
}

export type Sense = 'more_is_good' | 'more_is_bad' | 'neutral'

export interface Delta {
  text: string
  direction: 'up' | 'down' | 'same'
  tone: 'good' | 'bad' | 'neutral'
}

/** Change since the period before. The colour follows good or bad, never up or down. */
export function delta(now: number | null, before: number | null, sense: Sense, form: 'count' | 'points' | 'percent'): Delta | null {
  if (now === null || before === null) return null
  const difference = now - before
  const shown = {
    count: () => String(Math.abs(Math.round(difference))),
    points: () => `${Math.abs(difference * 100).toFixed(1)}pt`,
    percent: () => (before === 0 ? '—' : `${Math.abs((difference / before) * 100).toFixed(1)}%`),
  }[form]()
  const isSame = Math.abs(difference) < (form === 'points' ? 0.0005 : 1e-9)
  const direction = isSame ? 'same' : difference > 0 ? 'up' : 'down'
  const isBetter = sense === 'more_is_good' ? difference > 0 : difference < 0
  return { text: shown, direction, tone: isSame || sense === 'neutral' ? 'neutral' : isBetter ? 'good' : 'bad' }
}

/** Bulletins of one kind and area, oldest first. */
export function seriesOf(bulletins: readonly Bulletin[], kind: string, divisionCode: string): Bulletin[] {
  return bulletins
    .filter((each) => each.kind === kind && each.division_code === divisionCode)
    .sort((a, b) => a.period.localeCompare(b.period))
}

/** Round steps for an axis from 0 that holds `max`; at most five of them. */
export function axisTicks(max: number): number[] {
  if (max <= 0) return [0, 1]
  const rough = max / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough)
  const ticks = []
  for (let value = 0; value < max + step; value += step) ticks.push(value)
  return ticks
}
