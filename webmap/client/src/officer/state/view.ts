/** What the officer looks at: filters, comparison, layers, the chosen patch. One copy per page. */
import { computed, reactive, ref } from 'vue'
import { api } from '@/shared/api/client'
import { asProblem } from '@/shared/api/http'
import { recall, remember } from '@/shared/theme'
import type { Bbox, Config, PatchFilter, Problem, Scene, StateKey } from '@/shared/api/types'
import type { CompareMode } from '@/officer/url'

export const config = ref<Config | null>(null)
export const scenes = ref<Scene[]>([])
export const bootProblem = ref<Problem | null>(null)

export const filter = reactive({
  states: [] as StateKey[],
  severityMin: 1,
  division: '',
  divisionName: '',
  q: '',
  isMine: false,
})

export const isInViewOnly = ref(recall('landwarden.in_view') === 'yes')
export const viewBbox = ref<Bbox | null>(null)
export const compare = reactive({ mode: 'swipe' as CompareMode, at: 0.5 })
export const beforeId = ref('')
export const afterId = ref('')
export const hoveredId = ref<string | null>(null)
export const selectedId = ref<string | null>(null)
export const selectedNumber = ref('')
export const isAutoAdvance = ref(recall('landwarden.advance') !== 'no')

export interface LayerState {
  isOn: boolean
  opacity: number
}

export const PATCH_LAYER = 'patch'
const DEFAULT_ON = new Set([PATCH_LAYER, 'basic_farmland', 'division'])
export const layerStates = reactive<Record<string, LayerState>>({})

export function setLayers(kinds: readonly string[], on?: readonly string[]): void {
  for (const kind of [PATCH_LAYER, ...kinds]) {
    const isOn = kind === PATCH_LAYER || (on ? on.includes(kind) : DEFAULT_ON.has(kind))
    layerStates[kind] = { isOn, opacity: kind === 'basic_farmland' ? 0.75 : 1 }
  }
}

export const beforeScene = computed(() => scenes.value.find((each) => each.scene_id === beforeId.value) ?? null)
export const afterScene = computed(() => scenes.value.find((each) => each.scene_id === afterId.value) ?? null)

/** The filter without the map's window: counts, totals. */
export const plainFilter = computed<PatchFilter>(() => ({
  state: [...filter.states],
  ...(filter.severityMin > 1 ? { severity_min: filter.severityMin } : {}),
  ...(filter.division ? { division: filter.division } : {}),
  ...(filter.q ? { q: filter.q } : {}),
  ...(filter.isMine ? { mine: true } : {}),
}))

export const isFiltered = computed(() => Object.values(plainFilter.value).some((v) => (Array.isArray(v) ? v.length : v)))

export function resetFilter(): void {
  Object.assign(filter, { states: [], severityMin: 1, division: '', divisionName: '', q: '', isMine: false })
}

export function toggleState(key: StateKey): void {
  const at = filter.states.indexOf(key)
  if (at < 0) filter.states.push(key)
  else filter.states.splice(at, 1)
}

export function setInViewOnly(value: boolean): void {
  isInViewOnly.value = value
  remember('landwarden.in_view', value ? 'yes' : 'no')
}

export function setAutoAdvance(value: boolean): void {
  isAutoAdvance.value = value
  remember('landwarden.advance', value ? 'yes' : 'no')
}

/** The scene named in a permalink: by id, else by its day. */
export function findScene(name: string | undefined): Scene | undefined {
  if (!name) return undefined
  return scenes.value.find((s) => s.scene_id === name) ?? scenes.value.find((s) => s.acquired_at.startsWith(name))
}

/** Short name of a scene for a permalink: its day where that is enough. */
export function sceneName(scene: Scene | null): string | undefined {
  if (!scene) return undefined
  const dayText = scene.acquired_at.slice(0, 10)
  return scenes.value.filter((s) => s.acquired_at.startsWith(dayText)).length === 1 ? dayText : scene.scene_id
}

export async function boot(): Promise<boolean> {
  bootProblem.value = null
  try {
    const [loadedConfig, loadedScenes] = await Promise.all([api.config(), api.scenes()])
    scenes.value = loadedScenes.slice().sort((a, b) => a.acquired_at.localeCompare(b.acquired_at))
    config.value = loadedConfig
    beforeId.value = scenes.value.at(-2)?.scene_id ?? scenes.value.at(-1)?.scene_id ?? ''
    afterId.value = scenes.value.at(-1)?.scene_id ?? ''
    return true
  } catch (error) {
    bootProblem.value = asProblem(error)
    return false
  }
}
