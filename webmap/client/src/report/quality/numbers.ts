/** Quality of detection as rows of a table and as CSV; no number is made here that the server did not count. */
import type { DetectionQuality, QualityLine } from '@/shared/api/types'

export type Grouping = 'by_class' | 'by_source' | 'by_method' | 'by_week'
export const GROUPINGS: readonly Grouping[] = ['by_class', 'by_source', 'by_method', 'by_week']

export interface ReliabilityPoint {
  x: number
  y: number
  count: number
}

/** Tenths of the chances that hold anything. */
export function reliabilityPoints(quality: DetectionQuality): ReliabilityPoint[] {
  return quality.reliability.flatMap((each) =>
    each.mean_probability === null || each.line.precision === null
      ? []
      : [{ x: each.mean_probability, y: each.line.precision, count: each.line.decided }])
}

const cell = (value: string | number): string => {
  const text = String(value)
  // A cell that begins like a formula is told as text.
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
const share = (value: number | null | undefined): string => (value === null || value === undefined ? '' : value.toFixed(4))

/** All tables of the page, one row a group, with the patch numbers behind the false alarms. */
export function csvOf(quality: DetectionQuality, head: string[], groupName: (grouping: Grouping | 'all') => string): string {
  const row = (group: string, line: QualityLine): string =>
    [
      group, line.name, line.decided, line.confirmed.length, line.false_alarms.length, line.undecided.length, share(line.precision),
      share(line.interval?.[0]), share(line.interval?.[1]), line.false_alarms.map((each) => each.number).join(' '),
    ].map(cell).join(',')
  const lines = GROUPINGS.flatMap((grouping) => quality[grouping].map((line) => row(groupName(grouping), line)))
  return [head.map(cell).join(','), row(groupName('all'), quality.all), ...lines].join('\r\n') + '\r\n'
}

/** First day of a period of some weeks that ends on a day (both 2026-09-08). */
export function weeksBefore(last: string, weeks: number): string {
  if (!last) return ''
  const at = new Date(`${last}T00:00:00Z`)
  at.setUTCDate(at.getUTCDate() - 7 * weeks + 1)
  return at.toISOString().slice(0, 10)
}
