/** What the map of coverage and blind spots asks the server. */
import { API, query, request } from '@/shared/api/http'
import type { CellGroundInfo, CoverageInfo, ParcelSeenInfo } from '@/shared/api/casework'

export const seenApi = {
  coverage: (division: string, period: string, signal?: AbortSignal) => request<CoverageInfo>(`/coverage${query({ division, period })}`, { signal }),
  cell: (code: string, period: string, signal?: AbortSignal) => request<CellGroundInfo>(`/coverage/cells/${encodeURIComponent(code)}${query({ period })}`, { signal }),
  parcel: (lon: number, lat: number, signal?: AbortSignal) => request<ParcelSeenInfo>(`/coverage/parcels${query({ lon, lat })}`, { signal }),
}

export const SEEN_TILES = `${API}/tiles/seen/{z}/{x}/{y}.pbf`
