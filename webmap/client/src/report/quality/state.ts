/** The period whose verdicts are shown, and what they say. */
import { ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { asProblem } from '@/shared/api/http'
import type { DetectionQuality, Problem } from '@/shared/api/types'

export const first = ref('')
export const last = ref('')
export const quality = shallowRef<DetectionQuality | null>(null)
export const isLoading = ref(true)
export const problem = ref<Problem | null>(null)
let asked = 0

/** Without days the server chooses the last twelve weeks, by its own clock. */
export async function loadQuality(): Promise<void> {
  const turn = ++asked
  isLoading.value = true
  problem.value = null
  try {
    const loaded = await api.quality({ from: first.value || undefined, to: last.value || undefined })
    if (turn !== asked) return
    quality.value = loaded
    first.value = loaded.from
    last.value = loaded.to
  } catch (error) {
    if (turn === asked) problem.value = asProblem(error)
  }
  if (turn === asked) isLoading.value = false
}
