import { describe, expect, it } from 'vitest'
import { readCoordinates } from '@/shared/geo/coordinates'
import { fromGaussKrueger, toGaussKrueger, withZone, zoneOf } from '@/shared/geo/gk'
import { distanceM, ringAreaM2 } from '@/shared/geo/measure'

// Reference values: PROJ 9, EPSG:4490 to the 3° zones with the zone number in the easting.
const KNOWN: [lon: number, lat: number, xM: number, zonedYM: number][] = [
  [112.75, 34.95, 3869759.4846, 38385817.2788],
  [113.4, 35.2, 3896946.2995, 38445360.3668],
  [111.0, 34.5, 3819124.8982, 37500000.0],
  [112.00212, 27.99871, 3098703.5066, 37598574.4001],
  [87.6, 43.8, 4851775.3027, 29548285.1151],
]

describe('Gauss–Krüger', () => {
  it.each(KNOWN)('%f, %f agrees with PROJ to 0.1 mm', (lon, lat, xM, zonedYM) => {
    const found = toGaussKrueger(lon, lat)
    expect(found.xM).toBeCloseTo(xM, 3)
    expect(withZone(found)).toBeCloseTo(zonedYM, 3)
  })

  it('comes back to the same place', () => {
    for (const [lon, lat] of KNOWN) {
      const [backLon, backLat] = fromGaussKrueger(toGaussKrueger(lon, lat))
      expect(backLon).toBeCloseTo(lon, 10)
      expect(backLat).toBeCloseTo(lat, 10)
    }
  })

  it('stays right at the far edge of a neighbouring zone', () => {
    const found = toGaussKrueger(115.49, 36, 38)
    expect(found.xM).toBeCloseTo(3986569.6043, 3)
    expect(withZone(found)).toBeCloseTo(38634348.6169, 3)
    expect(zoneOf(115.49)).toBe(38)
    expect(zoneOf(115.51)).toBe(39)
  })
})

describe('measuring on the ellipsoid', () => {
  it('finds the geodesic area of a parcel', () => {
    const ring: [number, number][] = [[112.75, 34.95], [112.7533, 34.9502], [112.7531, 34.9531], [112.7498, 34.9527]]
    expect(ringAreaM2(ring) / 94241.1225).toBeCloseTo(1, 5)
  })
  it('finds a geodesic distance', () => {
    expect(distanceM([112.75, 34.95], [112.8, 35]) / 7184.4113).toBeCloseTo(1, 5)
  })
})

describe('typed coordinates', () => {
  const read = (text: string) => readCoordinates(text, [37, 38])

  it('takes degrees in either order and says when it turned them', () => {
    expect(read('112.75, 34.95')).toMatchObject([{ kind: 'degrees', lonlat: [112.75, 34.95], isSwapped: false }])
    expect(read('34.95 112.75')).toMatchObject([{ lonlat: [112.75, 34.95], isSwapped: true }])
    expect(read('112.75°E 34.95°N')).toMatchObject([{ lonlat: [112.75, 34.95] }])
  })
  it('takes degrees, minutes, seconds', () => {
    const [found] = read('34°57′00″N 112°45′00″E')
    expect(found?.lonlat[0]).toBeCloseTo(112.75, 9)
    expect(found?.lonlat[1]).toBeCloseTo(34.95, 9)
  })
  it('takes Gauss–Krüger with the zone number', () => {
    const [found] = read('X 3869759.485 Y 38385817.279')
    expect(found).toMatchObject({ kind: 'gk_zone', zone: 38 })
    expect(found?.lonlat[0]).toBeCloseTo(112.75, 7)
  })
  it('offers each zone when the number is missing', () => {
    const found = read('3869759.485, 385817.279')
    expect(found.map((each) => each.zone)).toEqual([37, 38])
    expect(found[1]?.lonlat[0]).toBeCloseTo(112.75, 7)
    expect(found[0]?.lonlat[0]).toBeCloseTo(109.75, 7)
  })
  it('leaves patch numbers, words and places outside China alone', () => {
    for (const text of ['410883-2609-0012', '西虢镇', '12.5', '2.35 48.85', '1 2 3']) expect(read(text)).toEqual([])
  })
})
