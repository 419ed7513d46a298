/** The inspector's own findings and the kinds there are, kept on the phone for places without a network. */
import { ref, shallowRef } from 'vue'
import { ApiError, asProblem, request } from '@/shared/api/http'
import type { FindingInfo, FindingList, Problem } from '@/shared/api/types'
import { keep, remembered } from '../state/store'

export const findings = shallowRef<FindingInfo[]>([])
export const categories = shallowRef<FindingList['categories']>([])
export const isFindingsKept = ref(false)
export const findingsProblem = ref<Problem | null>(null)

interface Kept {
  account: string
  list: FindingList
}

export async function loadFindings(account: string): Promise<void> {
  const kept = await remembered<Kept>('findings').catch(() => null)
  if (kept?.account === account && categories.value.length === 0) show(kept.list)
  try {
    const list = await request<FindingList>('/findings')
    show(list)
    isFindingsKept.value = false
    findingsProblem.value = null
    await keep('findings', { account, list } satisfies Kept)
  } catch (error) {
    isFindingsKept.value = error instanceof ApiError && error.isTransient
    findingsProblem.value = isFindingsKept.value ? null : asProblem(error)
  }
}

function show(list: FindingList): void {
  findings.value = list.items
  categories.value = list.categories
}
