/** The open patch and everything that an officer can do with it. */
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { ApiError, asProblem, isAbort } from '@/shared/api/http'
import { t } from '@/officer/i18n'
import { loadFirst, neighbour, rowOf, rows, scheduleCounts, updateRow } from './list'
import { announce, dismissToast, show, showProblem } from './notices'
import { filter, isAutoAdvance, isInViewOnly, selectedId, selectedNumber } from './view'
import type { Facts, PatchDetail, PatchRow, Problem, VerdictBody } from '@/shared/api/types'

export const detail = shallowRef<PatchDetail | null>(null)
export const detailProblem = ref<Problem | null>(null)
export const isDetailLoading = ref(false)
export const isSaving = ref(false)

/** A write that lost a race: what the other person did, and how to go on. */
export interface Conflict {
  problem: Problem
  changedBy: string
  changedAt: string
  state: string
  overwrite: (reason: string) => Promise<void>
}
export const conflict = shallowRef<Conflict | null>(null)

/** Versions written from this page: their echo on the live stream is no news. */
const ownVersions = new Map<string, number>()
export const isOwnWrite = (patchId: string, version: number): boolean => (ownVersions.get(patchId) ?? -1) >= version

let abort: AbortController | null = null

export async function loadDetail(patchId: string, isSilent = false): Promise<void> {
  abort?.abort()
  const mine = new AbortController()
  abort = mine
  if (!isSilent) isDetailLoading.value = true
  try {
    const loaded = await api.patch(patchId, mine.signal)
    if (selectedId.value !== patchId) return
    detail.value = loaded
    detailProblem.value = null
    updateRow(rowOf(loaded))
  } catch (error) {
    if (isAbort(error)) return
    detailProblem.value = asProblem(error)
    if (!isSilent) detail.value = null
  }
  isDetailLoading.value = false
}

export function select(row: Pick<PatchRow, 'patch_id' | 'number'> | null): void {
  if (!row) {
    abort?.abort()
    selectedId.value = null
    selectedNumber.value = ''
    detail.value = null
    return
  }
  if (selectedId.value === row.patch_id && detail.value) return
  selectedId.value = row.patch_id
  selectedNumber.value = row.number
  if (detail.value?.patch_id !== row.patch_id) detail.value = null
  void loadDetail(row.patch_id)
}

/** Opens a patch by its number (permalink, search). False when there is none in the officer's area. */
export async function openNumber(number: string): Promise<boolean> {
  const page = await api.patches({ q: number }, { limit: 5 })
  const row = page.items.find((each) => each.number === number) ?? page.items[0]
  if (!row) return false
  select(row)
  return true
}

export function step(direction: 1 | -1): void {
  const next = neighbour(selectedId.value, direction)
  if (next) select(next)
}

function accept(next: PatchDetail): void {
  ownVersions.set(next.patch_id, next.version)
  updateRow(rowOf(next))
  if (selectedId.value === next.patch_id) detail.value = next
  scheduleCounts()
}

async function undo(patchId: string, version: number): Promise<void> {
  try {
    const back = await api.undo(patchId, version)
    accept(back)
    show({ text: t('toast.undone', { number: back.number }), tone: 'ok' }, 5000)
    select(back)
    if (isInViewOnly.value || filter.states.length > 0) void loadFirst()
  } catch (error) {
    showProblem(asProblem(error))
  }
}

function undoOf(saved: PatchDetail): { undo: () => Promise<void> } | object {
  return saved.undo ? { undo: () => undo(saved.patch_id, saved.version) } : {}
}

function raiseConflict(error: ApiError, overwrite: Conflict['overwrite']): void {
  const facts = error.problem.facts ?? {}
  conflict.value = {
    problem: error.problem,
    changedBy: String(facts.changed_by ?? '—'),
    changedAt: String(facts.changed_at ?? ''),
    state: String(facts.state_name ?? facts.state ?? ''),
    overwrite,
  }
}

export type Write = (patchId: string, version: number, reason?: string) => Promise<PatchDetail>

/** Writes with the version that the officer saw; a 412 asks, everything else is told. */
export async function write(send: Write, message: (saved: PatchDetail) => string, isFinal: boolean): Promise<boolean> {
  const open = detail.value
  if (!open || isSaving.value) return false
  const nextRow = neighbour(open.patch_id, 1)

  const attempt = async (version: number, reason?: string): Promise<boolean> => {
    isSaving.value = true
    try {
      const saved = await send(open.patch_id, version, reason)
      accept(saved)
      conflict.value = null
      show({ text: message(saved), tone: 'ok', ...undoOf(saved) })
      if (isFinal && isAutoAdvance.value && nextRow) select(nextRow)
      return true
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) {
        raiseConflict(error, async (why) => {
          const latest = await api.patch(open.patch_id)
          await attempt(latest.version, why)
        })
      } else {
        showProblem(asProblem(error))
      }
      return false
    } finally {
      isSaving.value = false
    }
  }
  return attempt(open.version)
}

export function saveVerdict(body: VerdictBody): Promise<boolean> {
  const verdict = t(`verdict.${body.kind}`)
  const key = body.dispatch_to ? 'toast.judged_dispatched' : 'toast.judged'
  return write(
    (id, version, reason) => api.judge(id, version, reason ? { ...body, note: joined(body.note, reason) } : body),
    (saved) => t(key, { number: saved.number, verdict }),
    true,
  )
}

export function dispatchPatch(postId: string | undefined): Promise<boolean> {
  return write(
    (id, version) => api.dispatch(id, version, postId ? { post_id: postId } : {}),
    (saved) => t('toast.dispatched', { number: saved.number }),
    true,
  )
}

export interface MoveDetails {
  reasonCode?: string
  note?: string
  facts?: Facts
}

export function makeMove(action: string, name: string, { reasonCode, note, facts }: MoveDetails = {}): Promise<boolean> {
  return write(
    (id, version, reason) =>
      api.move(id, version, {
        action, reason_code: reasonCode || undefined, note: joined(note, reason),
        facts: facts && Object.keys(facts).length > 0 ? facts : undefined,
      }),
    (saved) => t('toast.moved', { number: saved.number, action: name }),
    false,
  )
}

function joined(note: string | undefined, reason: string | undefined): string | undefined {
  return [note, reason].filter(Boolean).join('；') || undefined
}

export async function viewLatest(): Promise<void> {
  const open = selectedId.value
  conflict.value = null
  if (open) await loadDetail(open)
  announce(t('drawer.reloaded'))
}

export function undoLast(undoAction: (() => Promise<void>) | undefined): void {
  if (!undoAction) return
  dismissToast()
  void undoAction()
}

export const position = computed(() => rows.value.findIndex((row) => row.patch_id === selectedId.value))
