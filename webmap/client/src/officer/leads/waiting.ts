/** Leads that wait for a person: loaded, settled, taken back. */
import { ref } from 'vue'
import { api } from '@/shared/api/client'
import { asProblem } from '@/shared/api/http'
import { openNumber } from '@/officer/state/drawer'
import { loadFirst } from '@/officer/state/list'
import { show, showProblem } from '@/officer/state/notices'
import { t } from './texts'
import type { DismissReason, Lonlat, Problem, SettledLead, WaitingLead } from '@/shared/api/types'

export const items = ref<WaitingLead[]>([])
export const reasons = ref<DismissReason[]>([])
export const total = ref(0)
export const isLoading = ref(false)
export const isSettling = ref(false)
export const problem = ref<Problem | null>(null)

export async function load(): Promise<void> {
  isLoading.value = true
  problem.value = null
  try {
    const page = await api.waitingLeads()
    items.value = page.items
    reasons.value = page.reasons
    total.value = page.total
  } catch (error) {
    problem.value = asProblem(error)
  }
  isLoading.value = false
}

/** The lead whose ground is being drawn on the map. */
export const drawn = ref<WaitingLead | null>(null)

async function undo(leadId: string): Promise<void> {
  try {
    await api.undoLead(leadId)
    show({ text: t('undone'), tone: 'ok' }, 5000)
  } catch (error) {
    showProblem(asProblem(error))
  }
  await load()
}

async function settle(lead: WaitingLead, send: () => Promise<SettledLead>, text: (done: SettledLead) => string): Promise<boolean> {
  if (isSettling.value) return false
  isSettling.value = true
  try {
    const done = await send()
    show({ text: text(done), tone: 'ok', undo: () => undo(lead.lead_id) })
    items.value = items.value.filter((each) => each.lead_id !== lead.lead_id)
    total.value -= 1
    if (items.value.length === 0 && total.value > 0) await load()
    return true
  } catch (error) {
    showProblem(asProblem(error))
    await load()
    return false
  } finally {
    isSettling.value = false
  }
}

export function attach(lead: WaitingLead, patchId: string): Promise<boolean> {
  return settle(lead, () => api.attachLead(lead.lead_id, patchId), (done) => t('attached', { number: done.number ?? '' }))
}

/** What was drawn becomes a patch, and its case comes to the desk. */
export async function openPatch(lead: WaitingLead, ring: Lonlat[], beforeOn: string): Promise<void> {
  const body = { outline: { type: 'Polygon' as const, coordinates: [ring] }, ...(beforeOn ? { before_on: beforeOn } : {}) }
  let number: string | null = null
  const isDone = await settle(lead, async () => {
    const done = await api.drawLead(lead.lead_id, body)
    number = done.number ?? null
    return done
  }, (done) => t('opened', { number: done.number ?? '' }))
  if (!isDone) return
  drawn.value = null
  await loadFirst()
  if (number) await openNumber(number)
}

export function dismiss(lead: WaitingLead, reason: DismissReason, note: string): Promise<boolean> {
  const body = { reason_code: reason.code, ...(note ? { note } : {}) }
  return settle(lead, () => api.dismissLead(lead.lead_id, body), () => t('dismissed', { reason: reason.name }))
}
