/** Numbers of a bulletin that can be corrected, as the server names them. */
import type { Facts, TownshipFact } from './facts'
import { t } from './i18n'

export interface Correctable {
  /** kpis.KEY, indicators.KEY, townships.CODE.KEY */
  key: string
  name: string
  /** % marks a share of 0 to 1. */
  unit: string
  value: number | null
}

const COUNTS = new Set(['required', 'valid'])
const TOWNSHIP_KEYS = ['opened', 'dispatched', 'verified', 'unlawful', 'ordered', 'filed', 'closed', 'overdue', 'score'] as const

export function correctable(facts: Facts): { name: string; numbers: Correctable[] }[] {
  const ofTownship = (row: TownshipFact): Correctable[] =>
    TOWNSHIP_KEYS.map((key) => ({ key: `townships.${row.code}.${key}`, name: `${row.name} ${t(`township.${key}`)}`, unit: key === 'score' ? '%' : '', value: row[key] }))
  return [
    { name: t('errata.kpis'), numbers: facts.kpis.map((row) => ({ key: `kpis.${row.key}`, name: row.zh, unit: row.unit, value: row.value })) },
    {
      name: t('errata.indicators'),
      numbers: facts.indicators.map((row) => ({ key: `indicators.${row.key}`, name: row.zh, unit: COUNTS.has(row.key) ? '' : '%', value: row.value })),
    },
    { name: t('errata.townships'), numbers: facts.townships.flatMap(ofTownship) },
  ]
}

/** Whether a division (12 digits) is an area or lies in it. */
export const isWithin = (code: string, area: string): boolean => area !== '' && code.startsWith(area.replace(/(000){1,2}$/, '').replace(/^(\d{4})00$/, '$1'))

/** What was typed, in the unit that the server keeps; null where it is no number. */
export function numberFrom(typed: string, unit: string): number | null {
  const text = typed.trim().replace(/[%％]$/, '')
  const value = text === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value) || value < 0) return null
  return unit === '%' ? Math.round(value * 1e6) / 1e8 : value
}

export function shownNumber(value: number | null, unit: string): string {
  if (value === null) return '—'
  return unit === '%' ? `${(value * 100).toFixed(1)}%` : `${+value.toFixed(2)}${unit}`
}
