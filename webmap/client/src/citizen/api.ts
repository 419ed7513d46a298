/** The doors that are open to everybody. */
import { request } from '@/shared/api/http'

export interface ReportForm {
  categories: { key: string; name: string }[]
  places: { code: string; name: string; parent_code: string | null }[]
  text_least: number
  text_most: number
  photos_most: number
  photo_max_bytes: number
}
export interface Receipt { code: string; received_at: string }
export type Standing = 'received' | 'waiting' | 'working' | 'set_aside' | 'upheld' | 'not_upheld'
export interface Progress { received_at: string; standing: Standing; told: string; is_asked_back: boolean }

const post = <T>(path: string, body: unknown): Promise<T> => request<T>(path, { method: 'POST', body })

export const citizens = {
  form: () => request<ReportForm>('/public/report-form'),
  report: (form: FormData) => request<Receipt>('/public/reports', { method: 'POST', raw: form }),
  progress: (code: string) => post<Progress>('/public/report-progress', { code }),
  answer: (code: string, satisfaction: number, remark: string) => post<void>('/public/report-answer', { code, satisfaction, remark }),
}
