import { t } from './texts'

/** "剩 3 个工作日" of working days left, negative when overdue. */
export function left(workingDays: number | null | undefined): string {
  if (workingDays === null || workingDays === undefined) return t('none')
  if (workingDays === 0) return t('case.today')
  return workingDays > 0 ? t('case.left', { n: workingDays }) : t('case.over', { n: -workingDays })
}
