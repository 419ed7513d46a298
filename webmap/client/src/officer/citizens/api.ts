import { API, request } from '@/shared/api/http'
import type { Lonlat } from '@/shared/api/types'

export interface CitizenReport {
  report_id: string
  division_name: string
  category_name: string
  description: string
  lonlat: Lonlat | null
  radius_m: number | null
  received_at: string
  is_blurred: boolean
  lead_id: string | null
  standing: 'received' | 'waiting' | 'working' | 'set_aside' | 'upheld' | 'not_upheld'
  told: string
  photos: number
  satisfaction: number | null
  remark: string | null
  near: string[]
}
export interface Identity { name: string; phone: string }

export const reports = {
  list: async (signal?: AbortSignal) => (await request<{ items: CitizenReport[] }>('/citizen-reports', { signal })).items,
  place: (id: string, lonlat: Lonlat, radius_m: number) => request<CitizenReport>(`/citizen-reports/${id}/place`, { method: 'POST', body: { lonlat, radius_m } }),
  reveal: (id: string, reason: string) => request<Identity>(`/citizen-reports/${id}/reveal`, { method: 'POST', body: { reason } }),
  photoUrl: (id: string, place: number) => `${API}/citizen-reports/${id}/photos/${place}.jpg`,
}
