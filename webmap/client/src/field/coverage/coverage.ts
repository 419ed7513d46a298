/** How much of the own cells' cropland was walked this week, and what was not; kept for places without a network. */
import { computed, ref, shallowRef } from 'vue'
import { ApiError, asProblem, request } from '@/shared/api/http'
import type { CellGround, GeoJsonGeometry, Problem } from '@/shared/api/types'
import { keep, remembered } from '../state/store'

/** A chief's village may have many cells: so many are asked for one after the other. */
const CELLS_MOST = 6

export interface Ground {
  period: string
  as_of: string
  cropland_m2: number
  covered_m2: number
  not_covered: GeoJsonGeometry[]
  cells: number
  /** Cells beyond those that were asked for. */
  left: number
}

export const ground = shallowRef<Ground | null>(null)
export const isGroundKept = ref(false)
export const groundProblem = ref<Problem | null>(null)
export const isAsking = ref(false)
/** None where the cells hold no cropland. */
export const share = computed(() => (ground.value && ground.value.cropland_m2 > 0 ? ground.value.covered_m2 / ground.value.cropland_m2 : null))

interface Kept {
  account: string
  ground: Ground
}

export function addedUp(cells: readonly CellGround[], left: number): Ground {
  const sum = (value: (cell: CellGround) => number): number => cells.reduce((all, cell) => all + value(cell), 0)
  return {
    period: cells[0]?.period ?? '', as_of: cells.map((cell) => cell.as_of).sort()[0] ?? '', cropland_m2: sum((cell) => cell.cropland_m2),
    covered_m2: sum((cell) => cell.covered_m2), not_covered: cells.map((cell) => cell.not_covered), cells: cells.length, left,
  }
}

export async function loadGround(account: string, codes: readonly string[]): Promise<void> {
  if (codes.length === 0 || isAsking.value) return
  isAsking.value = true
  try {
    const cells: CellGround[] = []
    for (const code of codes.slice(0, CELLS_MOST)) cells.push(await request<CellGround>(`/coverage/cells/${encodeURIComponent(code)}`))
    ground.value = addedUp(cells, Math.max(0, codes.length - CELLS_MOST))
    isGroundKept.value = false
    groundProblem.value = null
    await keep('ground', { account, ground: ground.value } satisfies Kept)
  } catch (error) {
    isGroundKept.value = error instanceof ApiError && error.isTransient
    groundProblem.value = isGroundKept.value ? null : asProblem(error)
    const kept = await remembered<Kept>('ground').catch(() => null)
    if (isGroundKept.value && kept?.account === account) ground.value = kept.ground
  }
  isAsking.value = false
}
