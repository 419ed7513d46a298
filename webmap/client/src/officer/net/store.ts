/** What the page of the net shows: a place, a day, a chosen cell. */
import { computed, ref, shallowRef, watch } from 'vue'
import { asProblem, isAbort } from '@/shared/api/http'
import { may, me } from '@/shared/session'
import { recall, remember } from '@/shared/theme'
import { divisionsOf } from '@/officer/state/divisions'
import type { Division, Problem } from '@/shared/api/types'
import type { CellAnswerInfo, ChainLinkInfo, NetInfo, PlaceAnswerInfo } from '@/shared/api/casework'
import { netApi } from './api'

const PLACE_KEY = 'landwarden.net_place'

export type NetState = 'holder' | 'acting' | 'vacant'
export const STATES: readonly NetState[] = ['holder', 'acting', 'vacant']

/** Today in Shanghai, as the server counts days. */
export const today = (): string => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date(me.value?.server_time ?? Date.now()))

export const on = ref('')
export const division = ref('')
export const view = shallowRef<NetInfo | null>(null)
export const problem = ref<Problem | null>(null)
export const isLoading = ref(false)
export const chosen = ref('')
export const chain = shallowRef<PlaceAnswerInfo | null>(null)
export const chainProblem = ref<Problem | null>(null)
export const search = ref('')
export const isOnlyOpen = ref(false)

export const cell = computed(() => view.value?.cells.find((each) => each.code === chosen.value) ?? null)
export const cells = computed(() => (view.value?.cells ?? []).filter(fits))
export const posts = computed(() => (view.value?.posts ?? []).filter(postFits))

function fits(each: CellAnswerInfo): boolean {
  if (isOnlyOpen.value && each.state === 'holder') return false
  const text = search.value.trim()
  return !text || `${each.code} ${each.name} ${each.division_name} ${each.person}`.includes(text)
}

function postFits(each: ChainLinkInfo): boolean {
  if (isOnlyOpen.value && each.state === 'holder') return false
  const text = search.value.trim()
  return !text || `${each.post_no} ${each.title} ${each.division_name} ${each.holder} ${each.deputy} ${each.name}`.includes(text)
}

let abort: AbortController | null = null
export async function load(): Promise<void> {
  if (!division.value) return
  abort?.abort()
  const mine = (abort = new AbortController())
  isLoading.value = true
  try {
    const found = await netApi.net(division.value, on.value, mine.signal)
    if (abort !== mine) return
    view.value = found
    problem.value = null
    if (!found.cells.some((each) => each.code === chosen.value)) chosen.value = ''
    else void loadChain()
  } catch (error) {
    if (isAbort(error) || abort !== mine) return
    problem.value = asProblem(error)
    view.value = null
  }
  isLoading.value = false
}

/** A point inside the outline: the middle of its widest part on the middle latitude. */
export function insideOf(outline: { type?: unknown; coordinates?: unknown }): [number, number] {
  const polygons = outline.coordinates as number[][][][]
  let best: { width: number; point: [number, number] } = { width: -1, point: [0, 0] }
  for (const rings of polygons) {
    const lats = rings[0]!.map((point) => point[1]!)
    const low = Math.min(...lats)
    const high = Math.max(...lats)
    for (const share of [0.5, 0.35, 0.65]) {
      const lat = low + (high - low) * share
      const cuts = rings.flatMap((ring) => crossings(ring, lat)).sort((a, b) => a - b)
      for (let place = 0; place + 1 < cuts.length; place += 2) {
        const width = cuts[place + 1]! - cuts[place]!
        if (width > best.width) best = { width, point: [(cuts[place]! + cuts[place + 1]!) / 2, lat] }
      }
    }
  }
  return best.point
}

function crossings(ring: number[][], lat: number): number[] {
  const found: number[] = []
  for (let place = 0; place + 1 < ring.length; place += 1) {
    const [x1, y1] = ring[place] as [number, number]
    const [x2, y2] = ring[place + 1] as [number, number]
    if (y1 > lat !== y2 > lat) found.push(x1 + ((lat - y1) / (y2 - y1)) * (x2 - x1))
  }
  return found
}

let chainAbort: AbortController | null = null
export async function loadChain(): Promise<void> {
  chainAbort?.abort()
  if (!cell.value) {
    chain.value = null
    return
  }
  const mine = (chainAbort = new AbortController())
  const [lon, lat] = insideOf(cell.value.outline)
  try {
    const found = await netApi.answer(lon, lat, on.value, mine.signal)
    if (chainAbort !== mine) return
    chain.value = found
    chainProblem.value = null
  } catch (error) {
    if (isAbort(error) || chainAbort !== mine) return
    chain.value = null
    chainProblem.value = asProblem(error)
  }
}

/** Whether the caller keeps a post: those of the own area, not of the tiers above. */
export const mayStaff = (post: ChainLinkInfo): boolean =>
  may('post.staff') && post.division_code.startsWith(digits(me.value?.area_code ?? '-'))

/** From the caller's area to the place that is shown: the choices at each level. */
export const levels = shallowRef<{ value: string; choices: Division[] }[]>([])

export async function openPlace(): Promise<void> {
  if (!on.value) on.value = today()
  const area = me.value?.area_code ?? ''
  const kept = recall(PLACE_KEY) ?? ''
  const prefix = digits(area)
  await choosePlace(kept.startsWith(prefix) && kept.length === 12 ? kept : area)
}

const digits = (code: string): string => (/0{8}$/.test(code) ? code.slice(0, 4) : /0{6}$/.test(code) ? code.slice(0, 6) : /0{3}$/.test(code) ? code.slice(0, 9) : code)

export async function choosePlace(code: string): Promise<void> {
  const area = me.value?.area_code ?? ''
  const found: { value: string; choices: Division[] }[] = []
  let at = area
  try {
    for (;;) {
      const choices = await divisionsOf(at)
      if (choices.length === 0) break
      let next = choices.find((each) => digits(code).startsWith(digits(each.code)))
      // A whole city is too much for one look: its first county, until another is chosen.
      if (!next && digits(at).length < 6) next = choices[0]
      found.push({ value: next?.code ?? '', choices })
      if (!next) break
      at = next.code
    }
  } catch (error) {
    problem.value = asProblem(error)
    return
  }
  levels.value = found
  division.value = at
  remember(PLACE_KEY, at)
}

watch([division, on], () => void load())
watch(chosen, () => void loadChain())
