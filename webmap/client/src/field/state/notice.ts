import { ref } from 'vue'

export interface Notice {
  id: number
  text: string
  tone: 'ok' | 'bad'
}

export const notice = ref<Notice | null>(null)
let timer: ReturnType<typeof setTimeout> | undefined
let serial = 0

export function tell(text: string, tone: Notice['tone'] = 'ok'): void {
  serial += 1
  notice.value = { id: serial, text, tone }
  clearTimeout(timer)
  timer = setTimeout(() => (notice.value = null), tone === 'ok' ? 4000 : 8000)
}
