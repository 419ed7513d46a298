import { addCoordinateTransforms, addEquivalentProjections, fromLonLat, Projection, toLonLat } from 'ol/proj'
import { transformExtent } from 'ol/proj'
import type { Extent } from 'ol/extent'
import type { Bbox, Lonlat } from '@/shared/api/types'

let isRegistered = false

/**
 * Makes EPSG:4490 known to OpenLayers: equivalent to 4326 (they differ by less than this map can
 * show), with its transforms to the display projection given explicitly, or OpenLayers throws.
 */
export function registerCgcs2000(): void {
  if (isRegistered) return
  isRegistered = true
  const cgcs2000 = new Projection({ code: 'EPSG:4490', units: 'degrees', axisOrientation: 'enu' })
  addEquivalentProjections([cgcs2000, new Projection({ code: 'urn:ogc:def:crs:EPSG::4490', units: 'degrees' })])
  addCoordinateTransforms(cgcs2000, 'EPSG:3857', (c) => fromLonLat(c), (c) => toLonLat(c))
  addCoordinateTransforms(cgcs2000, 'EPSG:4326', (c) => c.slice(), (c) => c.slice())
}

export const toMap = (lonlat: Lonlat): [number, number] => fromLonLat(lonlat) as [number, number]
export const toDegrees = (coordinate: number[]): Lonlat => toLonLat(coordinate) as Lonlat
export const extentToMap = (bbox: Bbox): Extent => transformExtent(bbox, 'EPSG:4326', 'EPSG:3857')
export const extentToDegrees = (extent: Extent): Bbox => transformExtent(extent, 'EPSG:3857', 'EPSG:4326') as Bbox
