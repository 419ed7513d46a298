import type { Lonlat } from '@/shared/api/types'

const A_M = 6378137
const F = 1 / 298.257222101
const E2 = F * (2 - F)
const E = Math.sqrt(E2)
const RAD = Math.PI / 180

function authalicQ(sin: number): number {
  return (1 - E2) * (sin / (1 - E2 * sin * sin) + Math.atanh(E * sin) / E)
}

/**
 * Area of a ring on the CGCS2000 ellipsoid, m². Lambert's equal-area cylindrical projection of the
 * ellipsoid carries the area exactly; only the edges (straight there, not geodesic) are approximate,
 * below 1e-6 for a parcel. Good for measuring by hand; the areas of record come from the server.
 */
export function ringAreaM2(ring: readonly Lonlat[]): number {
  const points = ring.map(([lon, lat]) => [A_M * lon * RAD, (A_M / 2) * authalicQ(Math.sin(lat * RAD))] as const)
  let twice = 0
  points.forEach((p, i) => {
    const next = points[(i + 1) % points.length]!
    twice += p[0] * next[1] - next[0] * p[1]
  })
  return Math.abs(twice) / 2
}

/** Distance, m: chord on the local ellipsoid radii (mid-latitude formula); below 0.1 % to 50 km. */
export function distanceM(a: Lonlat, b: Lonlat): number {
  const mid = ((a[1] + b[1]) / 2) * RAD
  const w = 1 - E2 * Math.sin(mid) ** 2
  const dNorth = (b[1] - a[1]) * RAD * ((A_M * (1 - E2)) / w ** 1.5)
  const dEast = (b[0] - a[0]) * RAD * ((A_M / Math.sqrt(w)) * Math.cos(mid))
  return Math.hypot(dNorth, dEast)
}

/** Bearing from `a` to `b`, degrees clockwise from north. */
export function bearingDeg(a: Lonlat, b: Lonlat): number {
  const dEast = (b[0] - a[0]) * Math.cos(((a[1] + b[1]) / 2) * RAD)
  return ((Math.atan2(dEast, b[1] - a[1]) / RAD) + 360) % 360
}

export function lengthM(line: readonly Lonlat[]): number {
  let sum = 0
  for (let i = 1; i < line.length; i += 1) sum += distanceM(line[i - 1]!, line[i]!)
  return sum
}
