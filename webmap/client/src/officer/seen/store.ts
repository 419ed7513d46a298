/** What the map of coverage and blind spots shows: a period, a measure, a cell, a parcel. Place and cells are the net's. */
import { computed, ref, shallowRef, watch } from 'vue'
import { asProblem, isAbort } from '@/shared/api/http'
import { periodsBack } from '@/shared/periods'
import { chosen, division, view } from '@/officer/net/store'
import { config } from '@/officer/state/view'
import type { CellGroundInfo, CoverageInfo, ParcelSeenInfo } from '@/shared/api/casework'
import type { Problem } from '@/shared/api/types'
import { seenApi } from './api'
import { blindOf, seenCell, sorted, type Measure } from './ages'

const WEEKS = 13
const MONTHS = 3

export const isOpen = ref(false)
export const measure = ref<Measure>('blind')
export const isMonthly = ref(false)
export const period = ref('')
export const cover = shallowRef<CoverageInfo | null>(null)
export const problem = ref<Problem | null>(null)
export const isLoading = ref(false)
export const ground = shallowRef<CellGroundInfo | null>(null)
export const groundProblem = ref<Problem | null>(null)
export const parcel = shallowRef<ParcelSeenInfo | null>(null)
export const parcelProblem = ref<Problem | null>(null)

const newest = (labels: readonly string[] | undefined): string => [...(labels ?? [])].sort().at(-1) ?? ''
export const periods = computed(() => {
  const known = config.value?.periods
  return isMonthly.value ? periodsBack(newest(known?.months), MONTHS) : periodsBack(newest(known?.weeks), WEEKS)
})

export const cells = computed(() => {
  const info = cover.value
  if (!info) return []
  const who = new Map((view.value?.cells ?? []).map((each) => [each.code, each]))
  return sorted(info.cells.map((cell) => seenCell(cell, who.get(cell.code), info)), measure.value)
})
export const cell = computed(() => cells.value.find((each) => each.code === chosen.value) ?? null)
export const blind = computed(() => (cover.value ? blindOf(cover.value.total.ages_m2, cover.value.steps_days, cover.value.blind_days) : 0))

let abort: AbortController | null = null
export async function load(): Promise<void> {
  if (!division.value || !period.value) return
  abort?.abort()
  const mine = (abort = new AbortController())
  isLoading.value = true
  try {
    const found = await seenApi.coverage(division.value, period.value, mine.signal)
    if (abort !== mine) return
    cover.value = found
    problem.value = null
  } catch (error) {
    if (isAbort(error) || abort !== mine) return
    problem.value = asProblem(error)
    cover.value = null
  }
  isLoading.value = false
}

let groundAbort: AbortController | null = null
export async function loadGround(): Promise<void> {
  groundAbort?.abort()
  ground.value = null
  groundProblem.value = null
  if (!chosen.value || !period.value) return
  const mine = (groundAbort = new AbortController())
  try {
    const found = await seenApi.cell(chosen.value, period.value, mine.signal)
    if (groundAbort === mine) ground.value = found
  } catch (error) {
    if (!isAbort(error) && groundAbort === mine) groundProblem.value = asProblem(error)
  }
}

let parcelAbort: AbortController | null = null
/** The parcel at a place; `isAsked`: somebody asked for this very parcel, and is told where there is none. */
export async function showParcel(lonlat: readonly [number, number], isAsked: boolean): Promise<void> {
  parcelAbort?.abort()
  const mine = (parcelAbort = new AbortController())
  try {
    const found = await seenApi.parcel(lonlat[0], lonlat[1], mine.signal)
    if (parcelAbort !== mine) return
    parcel.value = found
    parcelProblem.value = null
  } catch (error) {
    if (isAbort(error) || parcelAbort !== mine) return
    parcel.value = null
    parcelProblem.value = isAsked ? asProblem(error) : null
  }
}

export function closeParcel(): void {
  parcelAbort?.abort()
  parcel.value = null
  parcelProblem.value = null
}

watch(periods, (next) => {
  if (!next.includes(period.value)) period.value = next[0] ?? ''
}, { immediate: true })
watch([division, period, isOpen], () => {
  if (isOpen.value) void load()
})
watch([chosen, period, isOpen], () => {
  if (isOpen.value) void loadGround()
})
watch(division, closeParcel)
