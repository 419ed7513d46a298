/** Names that the server gives in Chinese with a key, in the language of the page. */
import { watch } from 'vue'
import { locale } from '@/shared/i18n/locale'
import { caseTable, loadCaseTable } from './store'
import type { PatchAction } from '@/shared/api/types'

type Named = 'moves' | 'states' | 'stages' | 'reasons' | 'clocks' | 'pauses' | 'objections' | 'duties' | 'clock_status' | 'objection_status'
  | 'tasks' | 'task_status' | 'papers' | 'paper_status' | 'parties' | 'evidence'

watch(locale, (language) => {
  if (language === 'en') void loadCaseTable()
}, { immediate: true })

/** English by its key where the page is in English and the table is there; else what the server said. */
export function named(what: Named, key: string | null | undefined, zh: string): string {
  if (locale.value !== 'en' || !key) return zh
  return caseTable.value?.names_en[what]?.[key] ?? zh
}

/** Kind and state of a paper. */
export const paperNamed = (paper: { kind: string; kind_name: string }): string => named('papers', paper.kind, paper.kind_name)
export const paperStatusNamed = (paper: { status: string; status_name: string }): string => named('paper_status', paper.status, paper.status_name)

export const reasonNamed = (kind: string | null, code: string | null, zh: string | null): string | null =>
  zh === null ? null : named('reasons', kind && code ? `${kind}/${code}` : null, zh)

/** A move by its action and, where it is known, the state it led to. */
export function moveNamed(action: string, zh: string, toState?: string | null): string {
  const names = locale.value === 'en' ? caseTable.value?.names_en.moves : undefined
  if (!names) return zh
  const told = toState === undefined || toState === null ? undefined : names[`${action}/${toState}`] ?? names[`${action}/`]
  return told ?? Object.entries(names).find(([key]) => key.startsWith(`${action}/`))?.[1] ?? zh
}

export const actionNamed = (action: Pick<PatchAction, 'name' | 'name_en'>): string => (locale.value === 'en' ? action.name_en : action.name)
