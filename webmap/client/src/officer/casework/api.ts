/** The API of casework, in the words of its generated types. */
import { API, query, request, requestAnswer, type Answer } from '@/shared/api/http'
import type {
  AuditHead, CaseFileInfo, CasePapers, CaseTable, CustodyList, DecisionBody, EvidenceDetail, EvidenceReceipt, FieldsBody, FullJudgement,
  HeldList, LayerVersionRow, ObjectionBody, ObjectionInfo, ObjectionList, PaperDetailInfo, PaperInfo, PartyBody, PartyInfo, PatchPieces,
  PauseBody, ReplayInfo, ReviewBody, RevisionInfo, ServiceBody, SettleBody, HeldSubmission, FieldInfo, TemplateCheck, TemplateInfo, WarningList, WhatIfBody, WhatIfInfo,
} from '@/shared/api/casework'
import type { PatchDetail } from '@/shared/api/types'

const post = <T>(path: string, body?: unknown, version?: number): Promise<T> =>
  request<T>(path, { method: 'POST', ...(body === undefined ? {} : { body }), ...(version === undefined ? {} : { version }) })

const WORD = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'

export const casework = {
  table: () => request<CaseTable>('/case-table'),
  file: (id: string, signal?: AbortSignal) => request<CaseFileInfo>(`/patches/${id}/case`, { signal }),
  pause: (id: string, version: number, body: PauseBody) => post<PatchDetail>(`/patches/${id}/pause`, body, version),
  resume: (id: string, version: number, note?: string) => post<PatchDetail>(`/patches/${id}/resume`, note ? { note } : {}, version),
  object: (id: string, version: number, body: ObjectionBody) => post<ObjectionInfo>(`/patches/${id}/objections`, body, version),
  decide: (id: string, version: number, body: DecisionBody) => post<ObjectionInfo>(`/objections/${id}/decision`, body, version),
  withdraw: (id: string, version: number) => post<ObjectionInfo>(`/objections/${id}/withdraw`, undefined, version),
  objections: async () => (await request<ObjectionList>('/objections')).items,
  warnings: async (isMine: boolean) => (await request<WarningList>(`/warnings?mine=${isMine}`)).items,

  revisions: (id: string, signal?: AbortSignal) => request<RevisionInfo[]>(`/patches/${id}/judgements`, { signal }),
  judgement: (id: string, revision: number, signal?: AbortSignal) =>
    request<FullJudgement>(`/patches/${id}/judgements/${revision}`, { signal }),
  replay: (id: string, revision: number, signal?: AbortSignal) =>
    request<ReplayInfo>(`/patches/${id}/judgements/${revision}/replay`, { signal }),
  pieces: (id: string, signal?: AbortSignal) => request<PatchPieces>(`/patches/${id}/pieces`, { signal }),
  layerVersions: (kind: string, county: string) => request<LayerVersionRow[]>(`/layer-versions${query({ kind, county })}`),
  whatIfs: () => request<WhatIfInfo[]>('/judgements/what-if'),
  whatIf: (id: string) => request<WhatIfInfo>(`/judgements/what-if/${id}`),
  askWhatIf: (body: WhatIfBody) => post<WhatIfInfo>('/judgements/what-if', body),

  papersOf: (id: string, signal?: AbortSignal) => request<CasePapers>(`/patches/${id}/papers`, { signal }),
  papers: (status: string) => request<PaperInfo[]>(`/papers${query({ status, limit: 200 })}`),
  paper: (id: string, signal?: AbortSignal) => request<PaperDetailInfo>(`/papers/${id}`, { signal }),
  draft: (id: string, body: { kind: string; party_id?: string; refers_to?: string }) =>
    post<PaperDetailInfo>(`/patches/${id}/papers`, { fields: {}, ...body }),
  revise: (id: string, version: number, body: FieldsBody) => post<PaperDetailInfo>(`/papers/${id}/fields`, body, version),
  replaceDocument: (id: string, version: number, file: File, reason: string) =>
    request<PaperDetailInfo>(`/papers/${id}/document${query({ reason })}`, {
      method: 'PUT', raw: file, version, headers: { 'Content-Type': WORD },
    }),
  approve: (id: string, version: number) => post<PaperDetailInfo>(`/papers/${id}/approve`, undefined, version),
  issue: (id: string, version: number) => post<PaperDetailInfo>(`/papers/${id}/issue`, undefined, version),
  sendBack: (id: string, reason: string) => post<PaperDetailInfo>(`/papers/${id}/send-back`, { reason }),
  voidPaper: (id: string, reason: string) => post<PaperDetailInfo>(`/papers/${id}/void`, { reason }),
  withdrawPaper: (id: string, reason: string) => post<PaperDetailInfo>(`/papers/${id}/withdraw`, { reason }),
  serve: (id: string, body: ServiceBody) => post<PaperDetailInfo>(`/papers/${id}/service`, body),
  paperFields: (signal?: AbortSignal) => request<FieldInfo[]>('/paper-fields', { signal }),
  templates: (signal?: AbortSignal) => request<TemplateInfo[]>('/paper-templates', { signal }),
  templateVersions: (kind: string, signal?: AbortSignal) => request<TemplateInfo[]>(`/paper-templates/${kind}/versions`, { signal }),
  templateUrl: (kind: string, id: string) => `${API}/paper-templates/${kind}/versions/${id}.docx`,
  checkTemplate: (kind: string, file: File) =>
    request<TemplateCheck>(`/paper-templates/${kind}/check`, { method: 'POST', raw: file, headers: { 'Content-Type': WORD } }),
  replaceTemplate: (kind: string, file: File, name: string) =>
    request<TemplateInfo>(`/paper-templates/${kind}${query({ name })}`, { method: 'PUT', raw: file, headers: { 'Content-Type': WORD } }),
  /** The file filled with a made case, as PDF; nothing is kept. */
  previewTemplate: (kind: string, file: File) =>
    request<Blob>(`/paper-templates/${kind}/preview.pdf`, { method: 'POST', raw: file, headers: { 'Content-Type': WORD } }),
  previewUrl: (kind: string) => `${API}/paper-templates/${kind}/preview.pdf`,
  reuseTemplate: (kind: string, id: string) => post<TemplateInfo>(`/paper-templates/${kind}/versions/${id}/restore`),
  builtInTemplate: (kind: string) => request<void>(`/paper-templates/${kind}`, { method: 'DELETE' }),
  recordParty: (id: string, body: PartyBody) => post<PartyInfo>(`/patches/${id}/parties`, body),

  evidence: (id: string, signal?: AbortSignal) => request<EvidenceDetail>(`/evidence/${id}`, { signal }),
  review: (id: string, body: ReviewBody) => post<EvidenceDetail>(`/evidence/${id}/review`, body),
  custody: (id: string, signal?: AbortSignal) => request<CustodyList>(`/patches/${id}/custody`, { signal }),
  addEvidence: (patchId: string, id: string, file: Blob, headers: Record<string, string>): Promise<Answer<EvidenceReceipt>> =>
    requestAnswer(`/patches/${patchId}/evidence/${id}`, { method: 'PUT', raw: file, headers }),
  held: (isSettled: boolean) => request<HeldList>(`/evidence/held?settled=${isSettled}`),
  settle: (id: string, body: SettleBody) => post<HeldSubmission>(`/evidence/held/${id}/settle`, body),
  auditHead: () => request<AuditHead>('/audit/head'),
}

export const bundleUrl = (patchId: string): string => `${API}/patches/${patchId}/evidence-bundle.zip`
