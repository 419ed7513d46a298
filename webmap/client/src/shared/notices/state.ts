import { ref } from 'vue'
import { query, request } from '@/shared/api/http'

export interface Notice {
  notice_id: string
  kind: string
  kind_name: string
  kind_name_en: string
  subject_kind: string
  subject_name: string
  subject_name_en: string
  subject_id: string
  number: string
  created_at: string
  read_at: string | null
}

export interface NoticeList {
  unread_count: number
  items: Notice[]
}

export interface Channel {
  key: string
  zh: string
  en: string
  address_form: '' | 'email' | 'phone' | 'account'
  is_on: boolean
  address: string
  pace: 'each' | 'hourly' | 'daily'
}

export interface Preferences {
  channels: Channel[]
  kinds: { key: string; zh: string; en: string; is_urgent: boolean }[]
  devices: { device_id: string; name: string; created_at: string }[]
  push_key: string | null
  quiet_from: string
  quiet_to: string
  lets_urgent_through: boolean
  muted: string[]
  language: 'zh' | 'en'
}

/** A message that was given up. */
export interface Undelivered {
  message_id: string
  channel: string
  target: string
  tries: number
  fault: string
  created_at: string
  ended_at: string
}

const EMPTY: NoticeList = { unread_count: 0, items: [] }
export const notices = ref<NoticeList>(EMPTY)

export const noticesApi = {
  list: () => request<NoticeList>(`/notices${query({ limit: 100 })}`),
  readAll: () => request<NoticeList>('/notices/read', { method: 'POST' }),
  read: (id: string) => request<Notice>(`/notices/${id}/read`, { method: 'POST' }),
  test: () => request<NoticeList>('/notices/test', { method: 'POST' }),
  preferences: () => request<Preferences>('/notices/preferences'),
  keep: (chosen: Preferences) =>
    request<Preferences>('/notices/preferences', {
      method: 'PUT',
      body: {
        channels: Object.fromEntries(chosen.channels.map(({ key, is_on, address, pace }) => [key, { is_on, address, pace }])),
        quiet_from: chosen.quiet_from, quiet_to: chosen.quiet_to, lets_urgent_through: chosen.lets_urgent_through,
        muted: chosen.muted, language: chosen.language,
      },
    }),
  addDevice: (endpoint: string, name: string) => request<unknown>('/notices/devices', { method: 'POST', body: { endpoint, name } }),
  undelivered: () => request<{ items: Undelivered[] }>('/notices/undelivered'),
  retry: (id: string) => request<Undelivered>(`/notices/undelivered/${id}/retry`, { method: 'POST' }),
  endDevice: (id: string) => request<void>(`/notices/devices/${id}`, { method: 'DELETE' }),
}

export async function loadNotices(): Promise<void> {
  notices.value = await noticesApi.list()
}

export async function markAllRead(): Promise<void> {
  notices.value = await noticesApi.readAll()
}

export async function markRead(notice: Notice): Promise<void> {
  if (notice.read_at) return
  const told = await noticesApi.read(notice.notice_id)
  notices.value = {
    unread_count: Math.max(0, notices.value.unread_count - 1),
    items: notices.value.items.map((one) => (one.notice_id === told.notice_id ? told : one)),
  }
}

export const canPush = (): boolean => 'serviceWorker' in navigator && 'PushManager' in window && isSecureContext

/** Asks the browser's push service for an address; null where the person says no. */
export async function subscribe(pushKey: string): Promise<boolean> {
  if ((await Notification.requestPermission()) !== 'granted') return false
  const registration = await navigator.serviceWorker.register('/push-worker.js')
  const padded = pushKey.replaceAll('-', '+').replaceAll('_', '/')
  const key = Uint8Array.from(atob(padded + '='.repeat((4 - (padded.length % 4)) % 4)), (char) => char.charCodeAt(0))
  const known = await registration.pushManager.getSubscription()
  const made = known ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }))
  await noticesApi.addDevice(made.endpoint, navigator.userAgent.match(/(Edg|Firefox|Chrome|Safari)/)?.[0] ?? 'Browser')
  return true
}
