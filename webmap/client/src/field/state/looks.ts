import type { Assignment, StateKey } from '@/shared/api/types'

/** The colour of a task: signed for or not, and rectification apart. */
export function stateOf(task: Assignment): StateKey {
  if (task.kind.startsWith('rectif')) return 'rectify'
  if (task.kind === 'recheck') return 'review'
  return task.status === 'signed' ? 'checking' : 'dispatched'
}
