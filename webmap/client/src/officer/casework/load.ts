/** What a tab asks the server for: loaded for a patch, loaded again when the patch changes, given up on leaving. */
import { onBeforeUnmount, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { asProblem, isAbort } from '@/shared/api/http'
import type { Problem } from '@/shared/api/types'

export interface Loaded<T> {
  data: ShallowRef<T | null>
  problem: Ref<Problem | null>
  isLoading: Ref<boolean>
  reload: () => Promise<void>
}

/** `owner` names what is shown: another owner empties the screen, another `version` only loads anew. */
export function useLoaded<T>(
  ask: (signal: AbortSignal) => Promise<T>, owner: () => string | null, version: () => unknown = () => 0,
): Loaded<T> {
  const data = shallowRef<T | null>(null)
  const problem = ref<Problem | null>(null)
  const isLoading = ref(false)
  let abort: AbortController | null = null

  async function reload(): Promise<void> {
    abort?.abort()
    if (owner() === null) return
    const mine = new AbortController()
    abort = mine
    isLoading.value = true
    try {
      const loaded = await ask(mine.signal)
      if (abort !== mine) return
      data.value = loaded
      problem.value = null
    } catch (error) {
      if (isAbort(error) || abort !== mine) return
      problem.value = asProblem(error)
    }
    isLoading.value = false
  }

  watch(owner, () => (data.value = null))
  watch([owner, version], () => void reload(), { immediate: true })
  onBeforeUnmount(() => {
    abort?.abort()
    abort = null
  })
  return { data, problem, isLoading, reload }
}
