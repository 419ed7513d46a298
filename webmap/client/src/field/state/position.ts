/** Where the phone is. */
import { ref, shallowRef } from 'vue'
import type { Lonlat } from '@/shared/api/types'

export interface Fix {
  lonlat: Lonlat
  accuracyM: number
  headingDeg: number | null
  at: number
}

export const fix = shallowRef<Fix | null>(null)
export const fixProblem = ref<'denied' | 'unavailable' | 'insecure' | null>(null)
let watchId: number | null = null

/** Green to 15 m, amber to 30 m, else poor. */
export function accuracyTone(accuracyM: number): 'good' | 'fair' | 'poor' {
  return accuracyM <= 15 ? 'good' : accuracyM <= 30 ? 'fair' : 'poor'
}

export function startPosition(): void {
  if (watchId !== null) return
  if (!window.isSecureContext || !('geolocation' in navigator)) {
    fixProblem.value = window.isSecureContext ? 'unavailable' : 'insecure'
    return
  }
  watchId = navigator.geolocation.watchPosition(
    ({ coords, timestamp }) => {
      fixProblem.value = null
      fix.value = {
        lonlat: [coords.longitude, coords.latitude], accuracyM: coords.accuracy,
        headingDeg: coords.heading !== null && Number.isFinite(coords.heading) ? coords.heading : null, at: timestamp,
      }
    },
    (error) => (fixProblem.value = error.code === error.PERMISSION_DENIED ? 'denied' : 'unavailable'),
    { enableHighAccuracy: true, maximumAge: 5000, timeout: 20000 },
  )
}
