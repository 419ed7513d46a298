/** The address bar and the screen say the same. */
import { ref, watch } from 'vue'
import { decodePermalink, encodePermalink, type Permalink } from '@/officer/url'
import { t } from '@/officer/i18n'
import { asProblem } from '@/shared/api/http'
import { openNumber, select } from './drawer'
import { show, showProblem } from './notices'
import {
  afterId, afterScene, beforeId, beforeScene, compare, config, filter, findScene, layerStates, PATCH_LAYER, sceneName,
  selectedNumber, setLayers,
} from './view'
import type { Lonlat } from '@/shared/api/types'

const THROTTLE_MS = 300

export type OfficerPage = 'map' | 'tasks' | 'leads' | 'casework' | 'net' | 'dispatching'
export const page = ref<OfficerPage>('map')
export const mapView = ref<{ zoom: number; center: Lonlat } | null>(null)
/** A view asked for by the address, for the map to take when it is there. */
export const wantedView = ref<Permalink['view'] | null>(null)

function apply(link: Permalink): void {
  if (link.view) wantedView.value = link.view
  if (link.compare) Object.assign(compare, link.compare)
  const before = findScene(link.before)
  const after = findScene(link.after)
  if (before) beforeId.value = before.scene_id
  if (after) afterId.value = after.scene_id
  filter.states = link.states ?? []
  filter.severityMin = link.severityMin ?? 1
  if (filter.division !== (link.division ?? '')) filter.divisionName = ''
  filter.division = link.division ?? ''
  filter.q = link.q ?? ''
  filter.isMine = link.isMine ?? false
}

/** The patch of a link that is still being looked up: the address keeps it meanwhile. */
let opening = ''

async function openLinked(number: string | undefined): Promise<void> {
  if (!number) return select(null)
  if (number === selectedNumber.value) return
  opening = number
  try {
    if (!(await openNumber(number))) show({ text: t('search.no_patch', { number }), tone: 'bad' })
  } catch (error) {
    showProblem(asProblem(error))
  } finally {
    if (opening === number) opening = ''
  }
}

export function pageOf(hash: string): OfficerPage {
  if (hash.startsWith('#/tasks')) return 'tasks'
  if (hash.startsWith('#/casework')) return 'casework'
  if (hash.startsWith('#/net')) return 'net'
  if (hash.startsWith('#/dispatching')) return 'dispatching'
  return hash.startsWith('#/leads') ? 'leads' : 'map'
}

export async function openPermalink(): Promise<void> {
  const link = decodePermalink(location.hash)
  setLayers(config.value?.layers.map((layer) => layer.kind) ?? [], link.layers)
  page.value = pageOf(location.hash)
  apply(link)
  if (link.number) await openLinked(link.number)
}

export function currentPermalink(): string {
  const link: Permalink = {
    compare: { ...compare },
    layers: Object.keys(layerStates).filter((kind) => kind !== PATCH_LAYER && layerStates[kind]!.isOn),
    states: [...filter.states],
    severityMin: filter.severityMin,
  }
  const before = sceneName(beforeScene.value)
  const after = sceneName(afterScene.value)
  if (mapView.value) link.view = { zoom: mapView.value.zoom, lat: mapView.value.center[1], lon: mapView.value.center[0] }
  if (before) link.before = before
  if (after) link.after = after
  if (filter.division) link.division = filter.division
  if (filter.q) link.q = filter.q
  if (filter.isMine) link.isMine = true
  const number = opening || selectedNumber.value
  if (number) link.number = number
  return encodePermalink(link)
}

export function goToPage(next: OfficerPage): void {
  if (page.value === next) return
  page.value = next
  history.pushState(null, '', next === 'map' ? currentPermalink() : `#/${next}`)
}

export function followPermalink(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastNumber = selectedNumber.value

  const write = (): void => {
    timer = undefined
    if (page.value !== 'map') return
    const next = currentPermalink()
    if (next === location.hash) return
    // A choice is a step that Back undoes; panning and filtering are not.
    const isStep = selectedNumber.value !== lastNumber && selectedNumber.value !== ''
    lastNumber = selectedNumber.value
    if (isStep) history.pushState(null, '', next)
    else history.replaceState(null, '', next)
  }
  const stop = watch(
    [mapView, compare, beforeId, afterId, filter, layerStates, selectedNumber],
    () => (timer ??= setTimeout(write, THROTTLE_MS)),
    { deep: true },
  )
  const onPop = (): void => {
    page.value = pageOf(location.hash)
    if (page.value !== 'map') return
    const link = decodePermalink(location.hash)
    apply(link)
    lastNumber = link.number ?? ''
    void openLinked(link.number)
  }
  window.addEventListener('popstate', onPop)
  return () => {
    stop()
    clearTimeout(timer)
    window.removeEventListener('popstate', onPop)
  }
}
