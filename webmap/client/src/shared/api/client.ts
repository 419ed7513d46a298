import { API, query, request, requestAnswer, type Answer } from './http'
import type {
  Assignment, Bulletin, Config, DetectionQuality, DetectionWork, Division, Facts, Lonlat, Me, Outing, OwnPatrol, Page, PatchCounts, PatchDetail, PatchFilter, PatchRow, PatrolBody, Ranking, Scene,
  SettledLead, VerdictBody, VisitBody, WaitingLeads,
} from './types'

function filterValues(filter: PatchFilter) {
  return {
    state: filter.state, severity_min: filter.severity_min, division: filter.division, bbox: filter.bbox,
    change_class: filter.change_class, q: filter.q, mine: filter.mine,
  }
}

export const api = {
  signIn: (login: string, password: string) =>
    request<Me>('/session', { method: 'POST', body: { login, password }, isSignIn: true }),
  me: () => request<Me>('/session', { isSignIn: true }),
  /** Like `me`, but a 401 brings the sign-in form. */
  checkSession: () => request<Me>('/session'),
  signOut: () => request<void>('/session', { method: 'DELETE' }),
  config: () => request<Config>('/config'),
  divisions: (parent: string) => request<Division[]>(`/divisions${query({ parent })}`),
  scenes: async () => (await request<{ items: Scene[] }>('/scenes')).items,

  patches: (
    filter: PatchFilter,
    page: { sort?: string | undefined; limit?: number; cursor?: string | null },
    signal?: AbortSignal,
  ) => request<Page<PatchRow>>(`/patches${query({ ...filterValues(filter), ...page })}`, { signal }),
  counts: (filter: PatchFilter, signal?: AbortSignal) =>
    request<PatchCounts>(`/patches/counts${query(filterValues(filter))}`, { signal }),
  patch: (id: string, signal?: AbortSignal) => request<PatchDetail>(`/patches/${id}`, { signal }),
  judge: (id: string, version: number, body: VerdictBody) =>
    request<PatchDetail>(`/patches/${id}/verdict`, { method: 'POST', version, body }),
  dispatch: (id: string, version: number, body: { post_id?: string | undefined; urgent?: boolean }) =>
    request<PatchDetail>(`/patches/${id}/dispatch`, { method: 'POST', version, body }),
  move: (
    id: string,
    version: number,
    body: { action: string; reason_code?: string | undefined; note?: string | undefined; facts?: Facts | undefined },
  ) => request<PatchDetail>(`/patches/${id}/moves`, { method: 'POST', version, body }),
  undo: (id: string, version: number) => request<PatchDetail>(`/patches/${id}/undo`, { method: 'POST', version }),

  waitingLeads: () => request<WaitingLeads>('/leads/waiting'),
  attachLead: (id: string, patchId: string) =>
    request<SettledLead>(`/leads/${id}/attach`, { method: 'POST', body: { patch_id: patchId } }),
  dismissLead: (id: string, body: { reason_code: string; note?: string }) =>
    request<SettledLead>(`/leads/${id}/dismiss`, { method: 'POST', body }),
  drawLead: (id: string, body: { outline: { type: 'Polygon'; coordinates: Lonlat[][] }; before_on?: string }) =>
    request<SettledLead>(`/leads/${id}/patch`, { method: 'POST', body }),
  undoLead: (id: string) => request<SettledLead>(`/leads/${id}/undo`, { method: 'POST' }),

  detectionWork: () => request<{ items: DetectionWork[] }>('/detection/work'),
  cancelDetectionWork: (number: number) => request<DetectionWork>(`/detection/work/${number}/cancel`, { method: 'POST' }),

  assignments: (values: { mine?: boolean; status?: string; cursor?: string | null; limit?: number }) =>
    request<Page<Assignment>>(`/assignments${query(values)}`),
  nextOuting: (start: { lon?: number | undefined; lat?: number | undefined }) => request<Outing>(`/outings/next${query(start)}`),
  sign: (id: string) => request<unknown>(`/assignments/${id}/sign`, { method: 'POST' }),
  returnAssignment: (id: string, body: { reason_code?: string | undefined; note?: string | undefined }) =>
    request<unknown>(`/assignments/${id}/return`, { method: 'POST', body }),
  putVisit: (id: string, body: VisitBody): Promise<Answer<unknown>> =>
    requestAnswer(`/visits/${id}`, { method: 'PUT', body }),
  putPatrol: (id: string, body: PatrolBody): Promise<Answer<unknown>> => requestAnswer(`/patrols/${id}`, { method: 'PUT', body }),
  ownPatrols: (first: string, last: string) => request<{ items: OwnPatrol[] }>(`/patrols${query({ first, last })}`),
  putEvidence: (visitId: string, id: string, file: Blob, headers: Record<string, string>): Promise<Answer<unknown>> =>
    requestAnswer(`/visits/${visitId}/evidence/${id}`, { method: 'PUT', raw: file, headers }),

  ranking: (values: { period: string; of: 'post' | 'township' | 'county'; tier?: number | undefined; offset?: number; limit?: number }) =>
    request<Ranking>(`/rankings${query(values)}`),
  quality: (values: { from?: string | undefined; to?: string | undefined }) => request<DetectionQuality>(`/detection/quality${query(values)}`),
  reviewBulletin: (id: string, note: string) =>
    request<Bulletin>(`/bulletins/${id}/review`, { method: 'POST', body: { note: note || null } }),
  issueBulletin: (id: string) => request<Bulletin>(`/bulletins/${id}/issue`, { method: 'POST' }),
  bulletins: () => request<Bulletin[]>('/bulletins'),
}

export const leadPictureUrl = (leadId: string): string => `${API}/leads/${leadId}/picture.jpg`

export const chipUrl = (patchId: string, when: 'before' | 'after', version: number): string =>
  `${API}/patches/${patchId}/chips/${when}.jpg?v=${version}`

/** 卫片 statistics of a period as a workbook; without a division of the caller's own area. */
export const statisticsUrl = (period: string, division: string): string =>
  `${API}/statistics/patches.xlsx${query({ period, division })}`
