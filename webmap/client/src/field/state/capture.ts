/** A photo as it is taken: its bytes, hashed at once, with where and when by the phone's clock put right. */
import { fix } from './position'
import { serverNow } from './serverClock'
import type { DraftPhoto } from './store'
import { sha256Hex, uuid7 } from './uuid'
import { isFromGallery } from './visitForm'

export const canHash = window.isSecureContext && 'subtle' in crypto

export async function photoOf(file: File): Promise<DraftPhoto> {
  const bytes = new Blob([await file.arrayBuffer()], { type: file.type || 'image/jpeg' })
  const now = serverNow()
  return {
    id: uuid7(), file: bytes,
    meta: {
      media_type: bytes.type, sha256: await sha256Hex(bytes), captured_at: new Date(now).toISOString(),
      lon: fix.value?.lonlat[0] ?? null, lat: fix.value?.lonlat[1] ?? null, accuracy_m: fix.value?.accuracyM ?? null,
      bearing_deg: fix.value?.headingDeg ?? null, is_from_gallery: isFromGallery(file.lastModified, Date.now()),
    },
  }
}
