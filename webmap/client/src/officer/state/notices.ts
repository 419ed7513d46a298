/** Short messages: a toast (with undo) and the words for the live region. */
import { ref } from 'vue'
import type { Problem } from '@/shared/api/types'

export interface Toast {
  id: number
  text: string
  tone: 'ok' | 'bad'
  mend?: string
  undo?: () => Promise<void>
}

export const TOAST_MS = 10_000
export const toast = ref<Toast | null>(null)
export const spoken = ref('')
let timer: ReturnType<typeof setTimeout> | undefined
let serial = 0

export function announce(text: string): void {
  spoken.value = ''
  requestAnimationFrame(() => (spoken.value = text))
}

export function show(next: Omit<Toast, 'id'>, lastsMs = TOAST_MS): void {
  serial += 1
  toast.value = { ...next, id: serial }
  announce(next.text)
  clearTimeout(timer)
  timer = setTimeout(() => (toast.value = null), lastsMs)
}

export function showProblem(problem: Problem): void {
  show({ text: problem.detail || problem.title, tone: 'bad', ...(problem.mend ? { mend: problem.mend } : {}) })
}

export function dismissToast(): void {
  clearTimeout(timer)
  toast.value = null
}
