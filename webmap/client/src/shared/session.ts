import { ref } from 'vue'
import { api } from './api/client'
import { ApiError, asProblem, whenSignedOut } from './api/http'
import type { Me, Problem } from './api/types'

export const me = ref<Me | null>(null)
export const isStarting = ref(true)
export const startProblem = ref<Problem | null>(null)

/** Asks the server who is signed in; a 401 is an answer, anything else is a fault to show. */
export async function startSession(): Promise<void> {
  whenSignedOut(() => {
    me.value = null
  })
  isStarting.value = true
  startProblem.value = null
  try {
    me.value = await api.me()
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) startProblem.value = asProblem(error)
  } finally {
    isStarting.value = false
  }
}

export async function signOut(): Promise<void> {
  await api.signOut()
  me.value = null
}

export function may(right: string): boolean {
  return me.value?.rights.includes(right) ?? false
}

export type Entry = 'officer' | 'field' | 'report'
const PATHS: Record<Entry, string> = { officer: '/', field: '/field.html', report: '/report.html' }

/** The page that a role works on; on a desktop a chief may use the map too. */
export function homeOf(role: string, isPhone: boolean): Entry {
  if (role === 'manager') return 'report'
  return (role === 'chief' || role === 'grid_officer') && isPhone ? 'field' : 'officer'
}

export function goTo(entry: Entry): void {
  location.assign(PATHS[entry])
}

export const pathOf = (entry: Entry): string => PATHS[entry]
export const isPhone = (): boolean => matchMedia('(max-width: 760px)').matches
