/** What the page of dispatching asks the server. */
import { query, request } from '@/shared/api/http'
import type { GridCorrectionInfo, HelpInfo, QueueInfo, RulesInfo, RulesPreviewInfo } from '@/shared/api/casework'

export const dispatchingApi = {
  queue: (signal?: AbortSignal) => request<QueueInfo>('/dispatch-queue', { signal }),
  release: (patchId: string, version: number, note: string) =>
    request<void>(`/dispatch-queue/${patchId}/release`, { method: 'POST', body: { note: note || null }, version }),
  corrections: (revoked: boolean, signal?: AbortSignal) =>
    request<GridCorrectionInfo[]>(`/dispatch-corrections${query({ revoked })}`, { signal }),
  revoke: (correctionId: string, reason: string) =>
    request<void>(`/dispatch-corrections/${correctionId}/revoke`, { method: 'POST', body: { reason } }),
  shared: (signal?: AbortSignal) => request<HelpInfo[]>('/dispatch-helps', { signal }),
  rules: () => request<RulesInfo>('/dispatch-rules'),
  preview: (text: string, month: string, signal?: AbortSignal) =>
    request<RulesPreviewInfo>(`/dispatch-rules/preview${query({ month })}`, { method: 'POST', body: { text }, signal }),
}
