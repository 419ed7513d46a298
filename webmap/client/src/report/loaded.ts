/** Data that a section loads by itself, and loads anew when what it is about changes. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { asProblem } from '@/shared/api/http'
import type { Problem } from '@/shared/api/types'

export interface Loaded<T> {
  data: ShallowRef<T | null>
  isLoading: Ref<boolean>
  problem: Ref<Problem | null>
  reload: () => Promise<void>
}

export function useLoaded<T>(key: () => string, load: (key: string) => Promise<T>): Loaded<T> {
  const data = shallowRef<T | null>(null)
  const isLoading = ref(false)
  const problem = ref<Problem | null>(null)
  let turn = 0

  async function reload(): Promise<void> {
    const mine = ++turn
    const asked = key()
    if (!asked) return
    isLoading.value = true
    problem.value = null
    try {
      const found = await load(asked)
      if (mine === turn) data.value = found
    } catch (error) {
      if (mine === turn) problem.value = asProblem(error)
    }
    if (mine === turn) isLoading.value = false
  }
  watch(
    key,
    () => {
      data.value = null
      void reload()
    },
    { immediate: true },
  )
  return { data, isLoading, problem, reload }
}
