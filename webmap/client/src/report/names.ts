/** Names of periods as they are shown. */
import { periodParts } from './facts'
import { t } from './i18n'

export function periodName(value: string): string {
  const { year, week, month } = periodParts(value)
  return week ? t('period.week', { year, n: week }) : t('period.month', { year, n: month ?? '' })
}
