import { ref, type Ref } from 'vue'
import { API } from './http'
import type { LivePatch } from './types'

export interface Live {
  state: Ref<'connecting' | 'open' | 'lost'>
  attempts: Ref<number>
  lastEventAt: Ref<Date | null>
  stop: () => void
}

export interface LiveHandlers {
  onPatch: (event: LivePatch) => void
  /** After a gap in which events may have been missed: load again what is shown. */
  onGap: () => void
  /** The stream broke again: the session may have ended. */
  onLost?: (attempts: number) => void
}

const SLEEP_MS = 4 * 60_000
const TICK_MS = 15_000

/** Waiting time before attempt `n` (1, 2, …): doubling from 1 s, at most 30 s. */
export function backoffMs(n: number): number {
  return Math.min(30_000, 1000 * 2 ** (n - 1))
}

/** Server-sent events with reconnection that the user can see. */
export function openLive({ onPatch, onGap, onLost }: LiveHandlers): Live {
  const state = ref<'connecting' | 'open' | 'lost'>('connecting')
  const attempts = ref(0)
  const lastEventAt = ref<Date | null>(null)
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastTick = Date.now()
  let isStopped = false

  function connect(): void {
    if (isStopped) return
    source?.close()
    source = new EventSource(`${API}/live`)
    source.addEventListener('open', () => {
      const hadGap = attempts.value > 0
      state.value = 'open'
      attempts.value = 0
      if (hadGap) onGap()
    })
    source.addEventListener('hello', (event) => {
      const data = JSON.parse((event as MessageEvent<string>).data) as { server_time?: string }
      lastEventAt.value = data.server_time ? new Date(data.server_time) : new Date()
    })
    source.addEventListener('patch', (event) => {
      const data = JSON.parse((event as MessageEvent<string>).data) as LivePatch
      lastEventAt.value = new Date(data.at)
      onPatch(data)
    })
    source.addEventListener('error', () => {
      state.value = 'lost'
      attempts.value += 1
      source?.close()
      clearTimeout(timer)
      timer = setTimeout(connect, backoffMs(attempts.value))
      onLost?.(attempts.value)
    })
  }

  // A machine that slept does not see its stream break; its clock does jump.
  const tick = setInterval(() => {
    const now = Date.now()
    if (now - lastTick > SLEEP_MS) {
      onGap()
      connect()
    }
    lastTick = now
  }, TICK_MS)

  const onOnline = (): void => {
    if (state.value === 'lost') connect()
  }
  window.addEventListener('online', onOnline)
  connect()

  function stop(): void {
    isStopped = true
    clearInterval(tick)
    clearTimeout(timer)
    window.removeEventListener('online', onOnline)
    source?.close()
  }
  return { state, attempts, lastEventAt, stop }
}
