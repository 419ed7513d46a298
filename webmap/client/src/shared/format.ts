import { locale } from './i18n/locale'

const NONE = '—'
export const M2_PER_MU = 2000 / 3

/** Square metres as 亩 with one decimal (two below one 亩). Rounded for display only. */
export function mu(areaM2: number | null | undefined): string {
  if (areaM2 === null || areaM2 === undefined) return NONE
  const value = areaM2 / M2_PER_MU
  return value.toLocaleString('en-US', {
    minimumFractionDigits: value < 1 ? 2 : 1, maximumFractionDigits: value < 1 ? 2 : 1,
  })
}

export function muOrNone(areaM2: number | null | undefined): string {
  return areaM2 ? mu(areaM2) : NONE
}

export function m2(areaM2: number): string {
  return Math.round(areaM2).toLocaleString('en-US')
}

export function percent(share: number | null | undefined, digits = 0): string {
  return share === null || share === undefined ? NONE : `${(share * 100).toFixed(digits)}%`
}

export function distance(metres: number): string {
  return metres < 1000 ? `${Math.round(metres)} m` : `${(metres / 1000).toFixed(metres < 10000 ? 2 : 1)} km`
}

const SHANGHAI: Intl.DateTimeFormatOptions = { timeZone: 'Asia/Shanghai', hourCycle: 'h23' }
const PARTS = new Intl.DateTimeFormat('en-CA', {
  ...SHANGHAI, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
})

function parts(value: string | Date): Record<string, string> | null {
  const date = typeof value === 'string' ? new Date(value) : value
  if (Number.isNaN(date.getTime())) return null
  return Object.fromEntries(PARTS.formatToParts(date).map((part) => [part.type, part.value]))
}

/** 2026-09-08, in Shanghai. */
export function day(value: string | null | undefined): string {
  if (!value) return NONE
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) return value
  const p = parts(value)
  return p ? `${p.year}-${p.month}-${p.day}` : NONE
}

/** 09-08. */
export function shortDay(value: string | null | undefined): string {
  const full = day(value)
  return full === NONE ? NONE : full.slice(5)
}

/** 2026-09-08 11:05, in Shanghai. */
export function minute(value: string | null | undefined): string {
  const p = value ? parts(value) : null
  return p ? `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}` : NONE
}

/** 11:05:09, in Shanghai. */
export function clock(value: string | Date | null | undefined): string {
  const p = value ? parts(value) : null
  return p ? `${p.hour}:${p.minute}:${p.second}` : NONE
}

export function hourMinute(value: string | null | undefined): string {
  return clock(value).slice(0, 5)
}

/** GF-1 PMS → 高分一号 for the satellites that officers know; others as they are. */
export function sensorName(sensor: string): string {
  const plain = sensor.replace(/\s*\(synthetic\)/i, '')
  if (locale.value !== 'zh') return plain
  const numerals = ['', '一', '二', '三', '四', '五', '六', '七']
  return plain.replace(/^GF-?([1-7])(\s*PMS)?/i, (_, digit: string) => `高分${numerals[Number(digit)]}号`)
}
