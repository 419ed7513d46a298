/**
 * Gauss–Krüger, 3° zones, on the CGCS2000 ellipsoid, by the Krüger n-series.
 *
 * Source: Krüger (1912) as arranged by Karney (2011), "Transverse Mercator with an accuracy of a few
 * nanometers", eqs. 7–11 and 35–36, to n⁴ (below 0.1 mm within a 3° zone). Scale factor 1 on the
 * central meridian, false easting 500 000 m. In Chinese practice X points north and Y east.
 */
const A_M = 6378137
const F = 1 / 298.257222101
const N = F / (2 - F)
const E = Math.sqrt(F * (2 - F))
const RADIUS_M = (A_M / (1 + N)) * (1 + N ** 2 / 4 + N ** 4 / 64)
const FORWARD = [
  N / 2 - (2 / 3) * N ** 2 + (5 / 16) * N ** 3 + (41 / 180) * N ** 4,
  (13 / 48) * N ** 2 - (3 / 5) * N ** 3 + (557 / 1440) * N ** 4,
  (61 / 240) * N ** 3 - (103 / 140) * N ** 4,
  (49561 / 161280) * N ** 4,
]
const INVERSE = [
  N / 2 - (2 / 3) * N ** 2 + (37 / 96) * N ** 3 - (1 / 360) * N ** 4,
  (1 / 48) * N ** 2 + (1 / 15) * N ** 3 - (437 / 1440) * N ** 4,
  (17 / 480) * N ** 3 - (37 / 840) * N ** 4,
  (4397 / 161280) * N ** 4,
]
const FALSE_EASTING_M = 500000
const RAD = Math.PI / 180

export interface GaussKrueger {
  /** Northing X, metres. */
  xM: number
  /** Easting Y without the zone number, metres. */
  yM: number
  zone: number
}

/** Number of the 3° zone whose central meridian (3° × number) is nearest. */
export function zoneOf(lon: number): number {
  return Math.round(lon / 3)
}

export function toGaussKrueger(lon: number, lat: number, zone: number = zoneOf(lon)): GaussKrueger {
  const dLon = (lon - zone * 3) * RAD
  const sin = Math.sin(lat * RAD)
  const t = Math.sinh(Math.atanh(sin) - E * Math.atanh(E * sin))
  const xi = Math.atan2(t, Math.cos(dLon))
  const eta = Math.asinh(Math.sin(dLon) / Math.hypot(t, Math.cos(dLon)))
  let north = xi
  let east = eta
  FORWARD.forEach((a, i) => {
    const k = 2 * (i + 1)
    north += a * Math.sin(k * xi) * Math.cosh(k * eta)
    east += a * Math.cos(k * xi) * Math.sinh(k * eta)
  })
  return { xM: RADIUS_M * north, yM: FALSE_EASTING_M + RADIUS_M * east, zone }
}

export function fromGaussKrueger({ xM, yM, zone }: GaussKrueger): [lon: number, lat: number] {
  const north = xM / RADIUS_M
  const east = (yM - FALSE_EASTING_M) / RADIUS_M
  let xi = north
  let eta = east
  INVERSE.forEach((b, i) => {
    const k = 2 * (i + 1)
    xi -= b * Math.sin(k * north) * Math.cosh(k * east)
    eta -= b * Math.cos(k * north) * Math.sinh(k * east)
  })
  const tauPrime = Math.sin(xi) / Math.hypot(Math.sinh(eta), Math.cos(xi))
  // Newton on the conformal latitude, Karney eqs. 19–21; three steps reach machine precision.
  let tau = tauPrime
  for (let step = 0; step < 4; step += 1) {
    const root = Math.hypot(1, tau)
    const sigma = Math.sinh(E * Math.atanh((E * tau) / root))
    const guess = tau * Math.hypot(1, sigma) - sigma * root
    tau += ((tauPrime - guess) / Math.hypot(1, guess)) * ((1 + (1 - E ** 2) * tau ** 2) / ((1 - E ** 2) * root))
  }
  return [zone * 3 + Math.atan2(Math.sinh(eta), Math.cos(xi)) / RAD, Math.atan(tau) / RAD]
}

/** Easting as it is written in China: zone number before the six-digit easting. */
export function withZone({ yM, zone }: GaussKrueger): number {
  return zone * 1e6 + yM
}
