import { STATES, type StateKey } from '@/shared/api/types'

export type CompareMode = 'swipe' | 'blink' | 'side' | 'fade' | 'off'
export const COMPARE_MODES: readonly CompareMode[] = ['swipe', 'blink', 'side', 'fade', 'off']

/** What a permalink carries. Everything is optional; what is absent keeps its default. */
export interface Permalink {
  /** Zoom, latitude, longitude. */
  view?: { zoom: number; lat: number; lon: number }
  compare?: { mode: CompareMode; at: number }
  before?: string
  after?: string
  layers?: string[]
  states?: StateKey[]
  severityMin?: number
  division?: string
  q?: string
  isMine?: boolean
  number?: string
}

const isState = (text: string): text is StateKey => (STATES as readonly string[]).includes(text)
const isMode = (text: string): text is CompareMode => (COMPARE_MODES as readonly string[]).includes(text)
// Commas, colons and bars structure the hash, so they are escaped inside values.
const escape = (text: string): string => encodeURIComponent(text).replace(/%20/g, '+')

function unescape(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '))
  } catch {
    return ''
  }
}

function filterText(link: Permalink): string {
  const parts: string[] = []
  if (link.states?.length) parts.push(`st:${link.states.join('|')}`)
  if (link.severityMin && link.severityMin > 1) parts.push(`sev:${link.severityMin}`)
  if (link.division) parts.push(`div:${escape(link.division)}`)
  if (link.isMine) parts.push('mine:1')
  if (link.q) parts.push(`q:${escape(link.q)}`)
  return parts.join(',')
}

/** `#/map?c=17.1,35.08912,112.95004&cmp=swipe:0.5&a=…&b=…&ly=…&f=st:suspect,sev:2&id=…` */
export function encodePermalink(link: Permalink): string {
  const parts: string[] = []
  const { view, compare } = link
  if (view) parts.push(`c=${+view.zoom.toFixed(2)},${view.lat.toFixed(5)},${view.lon.toFixed(5)}`)
  if (compare) parts.push(`cmp=${compare.mode}:${+compare.at.toFixed(3)}`)
  if (link.before) parts.push(`a=${escape(link.before)}`)
  if (link.after) parts.push(`b=${escape(link.after)}`)
  if (link.layers) parts.push(`ly=${link.layers.map(escape).join(',')}`)
  const filter = filterText(link)
  if (filter) parts.push(`f=${filter}`)
  if (link.number) parts.push(`id=${escape(link.number)}`)
  return `#/map${parts.length ? `?${parts.join('&')}` : ''}`
}

function readFilter(text: string, link: Permalink): void {
  for (const part of text.split(',')) {
    const at = part.indexOf(':')
    const key = part.slice(0, at)
    const value = part.slice(at + 1)
    if (key === 'st') link.states = value.split('|').filter(isState)
    if (key === 'sev' && /^[1-4]$/.test(value)) link.severityMin = Number(value)
    if (key === 'div' && /^\d{2,12}$/.test(value)) link.division = value
    if (key === 'mine') link.isMine = value === '1'
    if (key === 'q') link.q = unescape(value)
  }
}

function readView(text: string): Permalink['view'] {
  const [zoom, lat, lon] = text.split(',').map((part) => (part.trim() ? Number(part) : Number.NaN))
  const isGood = [zoom, lat, lon].every((value) => value !== undefined && Number.isFinite(value))
  if (!isGood || zoom! < 0 || zoom! > 24 || Math.abs(lat!) > 85 || Math.abs(lon!) > 180) return undefined
  return { zoom: zoom!, lat: lat!, lon: lon! }
}

/** Reads a hash; whatever is not understood is left out, never guessed. */
export function decodePermalink(hash: string): Permalink {
  const link: Permalink = {}
  const at = hash.indexOf('?')
  if (at < 0) return link
  for (const part of hash.slice(at + 1).split('&')) {
    const split = part.indexOf('=')
    const key = part.slice(0, split)
    const value = part.slice(split + 1)
    if (key === 'c') {
      const view = readView(value)
      if (view) link.view = view
    } else if (key === 'cmp') {
      const [mode = '', position = ''] = value.split(':')
      const where = Number(position || '0.5')
      if (isMode(mode) && where >= 0 && where <= 1) link.compare = { mode, at: where }
    } else if (key === 'a' && value) link.before = unescape(value)
    else if (key === 'b' && value) link.after = unescape(value)
    else if (key === 'ly') link.layers = value.split(',').filter(Boolean).map(unescape)
    else if (key === 'f') readFilter(value, link)
    else if (key === 'id' && value) link.number = unescape(value)
  }
  return link
}
