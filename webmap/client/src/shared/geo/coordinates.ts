import { fromGaussKrueger } from './gk'
import type { Lonlat } from '@/shared/api/types'

/** One way to read what the officer typed. */
export interface Interpretation {
  kind: 'degrees' | 'dms' | 'gk_zone' | 'gk_no_zone'
  lonlat: Lonlat
  /** Written axis order was latitude first (or Y before X), turned round here. */
  isSwapped: boolean
  zone?: number
}

// The numbers of a coordinate in China: lon 73–136, lat 3–54, northing 0.3–6.0 Mm.
const isLon = (v: number) => v >= 73 && v <= 136
const isLat = (v: number) => v >= 3 && v <= 54
const isNorthing = (v: number) => v >= 300_000 && v <= 6_000_000
const isEasting = (v: number) => v >= 100_000 && v < 1_000_000
const isZonedEasting = (v: number) => v >= 24_100_000 && v < 46_000_000

const DMS = /(\d{1,3})\s*[°度]\s*(\d{1,2})\s*['′分]\s*(\d{1,2}(?:\.\d+)?)\s*(?:["″秒])?\s*([NSEWnsew北南东西])?/g

function readDms(text: string): Interpretation[] {
  const found = [...text.matchAll(DMS)].map((m) => ({
    value: Number(m[1]) + Number(m[2]) / 60 + Number(m[3]) / 3600,
    side: (m[4] ?? '').toUpperCase().replace('北', 'N').replace('东', 'E'),
  }))
  const [first, second] = found
  if (found.length !== 2 || !first || !second) return []
  const isLatFirst = first.side === 'N' || second.side === 'E' || (!isLon(first.value) && isLat(first.value))
  const [lon, lat] = isLatFirst ? [second.value, first.value] : [first.value, second.value]
  return isLon(lon) && isLat(lat) ? [{ kind: 'dms', lonlat: [lon, lat], isSwapped: isLatFirst }] : []
}

function readDegrees(a: number, b: number): Interpretation[] {
  if (isLon(a) && isLat(b)) return [{ kind: 'degrees', lonlat: [a, b], isSwapped: false }]
  if (isLat(a) && isLon(b)) return [{ kind: 'degrees', lonlat: [b, a], isSwapped: true }]
  return []
}

function readGk(x: number, y: number, zones: readonly number[], isSwapped: boolean): Interpretation[] {
  if (!isNorthing(x)) return []
  if (isZonedEasting(y)) {
    const zone = Math.floor(y / 1e6)
    return [{ kind: 'gk_zone', lonlat: fromGaussKrueger({ xM: x, yM: y - zone * 1e6, zone }), isSwapped, zone }]
  }
  if (!isEasting(y)) return []
  return zones.map((zone) => ({
    kind: 'gk_no_zone' as const, lonlat: fromGaussKrueger({ xM: x, yM: y, zone }), isSwapped, zone,
  }))
}

/**
 * All readings of a typed coordinate pair, likeliest first: decimal degrees, degrees-minutes-seconds,
 * Gauss–Krüger with the zone number, and without it in each of the `zones` given.
 */
export function readCoordinates(text: string, zones: readonly number[]): Interpretation[] {
  const dms = readDms(text)
  if (dms.length > 0) return dms
  const rest = text.replace(/[XYxyEWNSewns东经北纬度°:：=]/g, ' ')
  if (/[^\d\s.,，;；/+-]/.test(rest)) return []
  const numbers = rest.match(/-?\d+(?:\.\d+)?/g)?.map(Number) ?? []
  const [a, b] = numbers
  if (numbers.length !== 2 || a === undefined || b === undefined) return []
  const degrees = readDegrees(a, b)
  if (degrees.length > 0) return degrees
  const straight = readGk(a, b, zones, false)
  return straight.length > 0 ? straight : readGk(b, a, zones, true)
}
