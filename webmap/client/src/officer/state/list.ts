/** The patch table: keyset pages of rows and the counts by state. */
import { computed, ref, shallowRef, triggerRef, watch } from 'vue'
import { api } from '@/shared/api/client'
import { asProblem, isAbort } from '@/shared/api/http'
import { filter, isInViewOnly, plainFilter, viewBbox } from './view'
import type { PatchCounts, PatchDetail, PatchFilter, PatchRow, Problem } from '@/shared/api/types'

export const SORTS = ['-severity', 'number', '-area_m2', '-basic_farmland_m2', 'due_at'] as const
export type Sort = (typeof SORTS)[number]
const PAGE = 100

export const sort = ref<Sort>('-severity')
export const rows = shallowRef<PatchRow[]>([])
export const total = ref(0)
export const counts = ref<PatchCounts | null>(null)
export const isLoading = ref(false)
export const listProblem = ref<Problem | null>(null)
/** Changes seen live that would re-sort or re-filter the table: offered, never forced. */
export const staleCount = ref(0)
/** The state of a patch newer than the tile that draws it. */
export const liveStates = shallowRef(new Map<string, PatchRow['state']>())

let cursor: string | null = null
let listAbort: AbortController | null = null
let countAbort: AbortController | null = null

const listFilter = computed<PatchFilter>(() =>
  isInViewOnly.value && viewBbox.value ? { ...plainFilter.value, bbox: viewBbox.value } : plainFilter.value,
)

export const hasMore = (): boolean => cursor !== null

async function fetchPage(isFirst: boolean): Promise<void> {
  if (!isFirst && (isLoading.value || cursor === null)) return
  listAbort?.abort()
  const abort = new AbortController()
  listAbort = abort
  isLoading.value = true
  try {
    const page = await api.patches(
      listFilter.value, { sort: sort.value, limit: PAGE, cursor: isFirst ? null : cursor }, abort.signal)
    rows.value = isFirst ? page.items : [...rows.value, ...page.items]
    cursor = page.next_cursor
    total.value = page.total
    listProblem.value = null
    if (isFirst) staleCount.value = 0
  } catch (error) {
    if (isAbort(error)) return
    listProblem.value = asProblem(error)
  }
  isLoading.value = false
}

export const loadFirst = (): Promise<void> => fetchPage(true)
export const loadMore = (): Promise<void> => fetchPage(false)

/** Counts answer "how many of each state", so the state filter itself is left out of them. */
export async function loadCounts(): Promise<void> {
  countAbort?.abort()
  const abort = new AbortController()
  countAbort = abort
  const { state: _state, ...rest } = plainFilter.value
  try {
    counts.value = await api.counts(rest, abort.signal)
  } catch (error) {
    if (!isAbort(error)) listProblem.value = asProblem(error)
  }
}

let listTimer: ReturnType<typeof setTimeout> | undefined
let countTimer: ReturnType<typeof setTimeout> | undefined

export function scheduleCounts(delayMs = 250): void {
  clearTimeout(countTimer)
  countTimer = setTimeout(() => void loadCounts(), delayMs)
}

export function followFilters(): () => void {
  const stops = [
    watch(
      [listFilter, sort],
      () => {
        clearTimeout(listTimer)
        listTimer = setTimeout(() => void loadFirst(), 200)
      },
      { deep: true },
    ),
    watch(() => [filter.severityMin, filter.division, filter.q, filter.isMine], () => scheduleCounts(200)),
  ]
  return () => stops.forEach((stop) => stop())
}

/** Puts a newer state of one patch into the row that shows it, in place. */
export function updateRow(patch: Partial<PatchRow> & { patch_id: string }): boolean {
  const at = rows.value.findIndex((row) => row.patch_id === patch.patch_id)
  if (patch.state) {
    liveStates.value.set(patch.patch_id, patch.state)
    triggerRef(liveStates)
  }
  const row = rows.value[at]
  if (!row) return false
  const copy = rows.value.slice()
  copy[at] = { ...row, ...patch }
  rows.value = copy
  return true
}

const ROW_KEYS: readonly (keyof PatchRow)[] = [
  'patch_id', 'number', 'state', 'state_name', 'severity', 'change_class', 'change_class_name', 'area_m2',
  'basic_farmland_m2', 'cropland_m2', 'division_code', 'division_name', 'due_at', 'remaining_wd', 'owner_name',
  'label_point', 'bbox', 'suggestion', 'violation_code', 'version', 'updated_at',
]

export function rowOf(detail: PatchDetail): PatchRow {
  return Object.fromEntries(ROW_KEYS.map((key) => [key, detail[key]])) as unknown as PatchRow
}

export function neighbour(patchId: string | null, step: 1 | -1): PatchRow | null {
  const at = rows.value.findIndex((row) => row.patch_id === patchId)
  if (at < 0) return rows.value[0] ?? null
  return rows.value[at + step] ?? null
}
