import { locale } from '@/shared/i18n/locale'
import type { Problem } from './types'

export const API = '/api/v1'

/** An answer that is not a success, with the server's own words where it sent any. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title)
    this.name = 'ApiError'
  }

  get status(): number {
    return this.problem.status
  }

  /** True where trying again later may help: no network, overload, a server fault. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

const OFFLINE: Record<'zh' | 'en', Problem> = {
  zh: {
    title: '网络不通', status: 0, code: 'client.network',
    detail: '连不上服务器。', mend: '请检查网络后重试；未提交的内容仍保留在本页。',
  },
  en: {
    title: 'No connection', status: 0, code: 'client.network',
    detail: 'The server cannot be reached.', mend: 'Check the network and try again; nothing on this page is lost.',
  },
}

let onSignedOut: () => void = () => undefined

/** Called whenever the server says that nobody is signed in. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

export interface RequestOptions {
  method?: string
  body?: unknown
  raw?: Blob | FormData
  version?: number
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** Leaves a 401 to the caller (the sign-in form itself). */
  isSignIn?: boolean
}

export interface Answer<T> {
  data: T
  status: number
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback: Problem = {
    title: response.statusText || `HTTP ${response.status}`, status: response.status,
    code: `client.http_${response.status}`, detail: `HTTP ${response.status} ${response.statusText}`.trim(),
  }
  if (!(response.headers.get('content-type') ?? '').includes('json')) return fallback
  try {
    return { ...fallback, ...((await response.json()) as Partial<Problem>), status: response.status }
  } catch {
    return fallback
  }
}

function headersOf(options: RequestOptions): Headers {
  const headers = new Headers({ Accept: 'application/json', 'Accept-Language': locale.value, ...options.headers })
  if (options.body !== undefined) headers.set('Content-Type', 'application/json')
  if (options.version !== undefined) headers.set('If-Match', `"${options.version}"`)
  return headers
}

export async function requestAnswer<T>(path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  let response: Response
  try {
    response = await fetch(API + path, {
      method: options.method ?? 'GET',
      headers: headersOf(options),
      body: options.raw ?? (options.body === undefined ? null : JSON.stringify(options.body)),
      credentials: 'same-origin',
      signal: options.signal ?? null,
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(OFFLINE[locale.value])
  }
  if (!response.ok) {
    const error = new ApiError(await problemOf(response))
    if (error.status === 401 && !options.isSignIn) onSignedOut()
    throw error
  }
  const isEmpty = response.status === 204 || response.headers.get('content-length') === '0'
  const isFile = (response.headers.get('content-type') ?? '').startsWith('application/pdf')
  return { data: (isEmpty ? undefined : await (isFile ? response.blob() : response.json())) as T, status: response.status }
}

export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  return (await requestAnswer<T>(path, options)).data
}

type QueryValue = string | number | boolean | readonly (string | number)[] | null | undefined

/** `?a=1&b=2,3` of what has a value; lists are joined by commas. */
export function query(values: Record<string, QueryValue>): string {
  const parts = new URLSearchParams()
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null || value === '' || value === false) continue
    if (Array.isArray(value)) {
      if (value.length > 0) parts.set(key, value.join(','))
    } else {
      parts.set(key, String(value))
    }
  }
  const text = parts.toString()
  return text ? `?${text}` : ''
}

export function asProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem
  return { title: 'Error', status: -1, code: 'client.defect', detail: error instanceof Error ? error.message : String(error) }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
