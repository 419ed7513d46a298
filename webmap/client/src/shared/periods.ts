/** Weeks and months as the server labels them. */
import { t } from './i18n/common'

/** "2026-W37" → week 37 of 2026; "2026-09" → month. */
export function periodParts(period: string): { year: number; week: number | null; month: number | null } {
  const week = /^(\d{4})-W(\d{2})$/.exec(period)
  if (week) return { year: Number(week[1]), week: Number(week[2]), month: null }
  const month = /^(\d{4})-(\d{2})$/.exec(period)
  return month ? { year: Number(month[1]), week: null, month: Number(month[2]) } : { year: Number.NaN, week: null, month: null }
}

const DAY_MS = 86_400_000

/** Monday of an ISO week, or the first of a month, in UTC. */
function startOf({ year, week, month }: ReturnType<typeof periodParts>): Date {
  if (week === null) return new Date(Date.UTC(year, (month ?? 1) - 1, 1))
  const fourth = new Date(Date.UTC(year, 0, 4))
  return new Date(fourth.getTime() + ((week - 1) * 7 - ((fourth.getUTCDay() + 6) % 7)) * DAY_MS)
}

function weekLabel(monday: Date): string {
  const year = new Date(monday.getTime() + 3 * DAY_MS).getUTCFullYear()
  const first = startOf({ year, week: 1, month: null })
  return `${year}-W${String(Math.round((monday.getTime() - first.getTime()) / (7 * DAY_MS)) + 1).padStart(2, '0')}`
}

/** A period and those before it, newest first. */
export function periodsBack(newest: string, count: number): string[] {
  const parts = periodParts(newest)
  if (Number.isNaN(parts.year)) return []
  const start = startOf(parts)
  return Array.from({ length: count }, (_, back) =>
    parts.week === null
      ? new Date(Date.UTC(parts.year, (parts.month ?? 1) - 1 - back, 1)).toISOString().slice(0, 7)
      : weekLabel(new Date(start.getTime() - back * 7 * DAY_MS)),
  )
}

/** 2026 年第 37 周, 2026 年 9 月. */
export function periodName(value: string): string {
  const { year, week, month } = periodParts(value)
  return week ? t('period.week', { year, n: week }) : t('period.month', { year, n: month ?? '' })
}
