/** The inspector's open tasks, kept on the phone for when there is no signal. */
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { ApiError, asProblem } from '@/shared/api/http'
import { distanceM } from '@/shared/geo/measure'
import { fix } from './position'
import { items } from './sync'
import { keep, remembered } from './store'
import type { Assignment, PatchDetail, Problem, Scene } from '@/shared/api/types'

export const tasks = shallowRef<Assignment[]>([])
export const tasksAt = ref<string | null>(null)
export const isLoading = ref(false)
export const tasksProblem = ref<Problem | null>(null)
export const scenes = shallowRef<Scene[]>([])
/** Shown from the phone's memory, not from the server. */
export const isRemembered = ref(false)

interface Kept {
  account: string
  at: string
  tasks: Assignment[]
}

export async function loadTasks(account: string): Promise<void> {
  isLoading.value = true
  try {
    const page = await api.assignments({ mine: true, status: 'open', limit: 100 })
    tasks.value = page.items
    tasksAt.value = new Date().toISOString()
    isRemembered.value = false
    tasksProblem.value = null
    await keep('tasks', { account, at: tasksAt.value, tasks: page.items } satisfies Kept)
  } catch (error) {
    const kept = await remembered<Kept>('tasks')
    if (error instanceof ApiError && error.isTransient && kept?.account === account) {
      tasks.value = kept.tasks
      tasksAt.value = kept.at
      isRemembered.value = true
    } else {
      tasksProblem.value = asProblem(error)
    }
  }
  isLoading.value = false
  if (scenes.value.length === 0) scenes.value = await api.scenes().catch(() => [])
}

export function distanceTo(task: Assignment): number | null {
  return fix.value ? distanceM(fix.value.lonlat, task.label_point) : null
}

/** Tasks with a visit on this phone are done as far as the inspector is concerned. */
export function visitOf(assignmentId: string): 'unsent' | 'sent' | null {
  const visit = items.value.find((item) => item.kind === 'visit' && item.body.assignment_id === assignmentId)
  return visit ? (visit.status === 'sent' ? 'sent' : 'unsent') : null
}

/** Overdue and urgent first, then the nearest. */
export const ordered = computed(() =>
  [...tasks.value].sort((a, b) => {
    const urgency = Math.min(a.remaining_wd ?? 99, 2) - Math.min(b.remaining_wd ?? 99, 2)
    return urgency || (distanceTo(a) ?? 0) - (distanceTo(b) ?? 0) || (a.due_at ?? '').localeCompare(b.due_at ?? '')
  }),
)

const details = new Map<string, PatchDetail>()

/** The patch of a task: from the server, else the last one this phone has seen. */
export async function patchOf(task: Assignment): Promise<PatchDetail | null> {
  try {
    const patch = await api.patch(task.patch_id)
    details.set(task.patch_id, patch)
    await keep(`patch:${task.patch_id}`, patch)
    return patch
  } catch (error) {
    if (error instanceof ApiError && !error.isTransient) throw error
    return details.get(task.patch_id) ?? (await remembered<PatchDetail>(`patch:${task.patch_id}`)) ?? null
  }
}
