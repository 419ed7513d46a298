/** The server's time on this phone: what the phone's own clock is off by is learnt at each sign-in and remembered. */
import { keep, remembered } from './store'

let offsetMs = 0
let tellKnown: () => void
/** Once the clock is learnt or recalled: before that no position gets a time. */
export const clockKnown = new Promise<void>((resolve) => (tellKnown = resolve))

export const serverNow = (): number => Date.now() + offsetMs

/** The answer took a moment to arrive: differences below two seconds are not the clock's. */
export async function learnClock(serverTime: string): Promise<void> {
  const seen = Date.parse(serverTime) - Date.now()
  if (!Number.isNaN(seen)) offsetMs = Math.abs(seen) < 2000 ? 0 : seen
  tellKnown()
  await keep('clock_offset', offsetMs)
}

export async function recallClock(): Promise<void> {
  offsetMs = (await remembered<number>('clock_offset')) ?? 0
  tellKnown()
}
