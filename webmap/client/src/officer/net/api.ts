/** What the page of the net asks the server. */
import { API, query, request } from '@/shared/api/http'
import type {
  GridCutInfo, HandoverForm, LeaveForm, NetInfo, PlaceAnswerInfo, PostHistory, RosterPreviewInfo, RosterReceipt, StaffedInfo,
} from '@/shared/api/casework'

export const netApi = {
  net: (division: string, on: string, signal?: AbortSignal) => request<NetInfo>(`/net${query({ division, on })}`, { signal }),
  answer: (lon: number, lat: number, on: string, signal?: AbortSignal) =>
    request<PlaceAnswerInfo>(`/net/answers${query({ lon, lat, on })}`, { signal }),
  history: (postId: string, signal?: AbortSignal) => request<PostHistory>(`/posts/${postId}/history`, { signal }),
  leave: (postId: string, body: LeaveForm) => request<StaffedInfo>(`/posts/${postId}/absences`, { method: 'POST', body }),
  back: (absenceId: string, backOn: string) =>
    request<StaffedInfo>(`/absences/${absenceId}/end`, { method: 'POST', body: { back_on: backOn } }),
  callOff: (handoverId: string) => request<void>(`/handovers/${handoverId}/call-off`, { method: 'POST' }),
  handover: (postId: string, body: HandoverForm) => request<StaffedInfo>(`/posts/${postId}/handover`, { method: 'POST', body }),
  previewRoster: (file: Blob, endsMissing: boolean, signal?: AbortSignal) =>
    request<RosterPreviewInfo>(`/post-lists/preview${query({ ends_missing: endsMissing })}`, { method: 'POST', raw: file, signal }),
  importRoster: (file: Blob, endsMissing: boolean, token: string) =>
    request<RosterReceipt>(`/post-lists/import${query({ ends_missing: endsMissing, token })}`, { method: 'POST', raw: file }),
  previewGrid: (division: string, targetMu: number | null) =>
    request<GridCutInfo>('/grid/preview', { method: 'POST', body: { division_code: division, target_mu: targetMu } }),
  makeGrid: (division: string, targetMu: number | null, token: string) =>
    request<GridCutInfo>('/grid/make', { method: 'POST', body: { division_code: division, target_mu: targetMu, token } }),
}

export const TEMPLATE_URL = `${API}/post-lists/template.xlsx`
export const EXPORT_URL = `${API}/post-lists/current.xlsx`
