/** Rules of the judgement form, without the screen. */
import type { Config, PatchAction, PatchDetail, ReasonOption, VerdictBody, VerdictKind } from '@/shared/api/types'

export const VERDICTS: readonly VerdictKind[] = ['unlawful', 'lawful', 'not_new', 'doubtful']
/** Verdicts after which somebody may be sent to look. */
const SENDS_OUT: readonly VerdictKind[] = ['unlawful', 'doubtful']

export interface VerdictForm {
  kind: VerdictKind | null
  violationCode: string
  reasonCode: string
  note: string
  dispatchTo: string
}

export function verdictAction(patch: PatchDetail, kind: VerdictKind | null): PatchAction | undefined {
  return patch.actions.find((each) => each.action === `judge_${kind}`)
}

export function dispatchAction(patch: PatchDetail): PatchAction | undefined {
  return patch.actions.find((each) => each.via === 'dispatch')
}

export const canJudge = (patch: PatchDetail): boolean => VERDICTS.some((kind) => verdictAction(patch, kind))
export const sendsOut = (kind: VerdictKind | null): boolean => kind === null || SENDS_OUT.includes(kind)

/** Moves that are neither a verdict nor the dispatch: each has its own button. */
export function otherMoves(patch: PatchDetail): PatchAction[] {
  return patch.actions.filter((each) => each.via === 'move')
}

/** Reason codes that a verdict may carry; unlawful takes a violation of the taxonomy instead. */
export function reasonsFor(config: Config, patch: PatchDetail, kind: VerdictKind | null): ReasonOption[] {
  if (!kind || kind === 'unlawful') return []
  const wanted = verdictAction(patch, kind)?.reason_kind ?? kind
  return config.reasons.filter((reason) => reason.kind === wanted)
}

export function startForm(patch: PatchDetail): VerdictForm {
  const targets = dispatchAction(patch)?.targets ?? []
  return { kind: null, violationCode: patch.violation_code ?? patch.judgement?.violation_code ?? '', reasonCode: '', note: '', dispatchTo: targets[0]?.post_id ?? '' }
}

export type Lack = 'kind' | 'violation' | 'reason' | 'target'

/** What is missing before the form may be sent. */
export function lacking(form: VerdictForm, patch: PatchDetail, isDispatch: boolean): Lack | null {
  if (!form.kind) return 'kind'
  if (form.kind === 'unlawful' && !form.violationCode) return 'violation'
  if (verdictAction(patch, form.kind)?.needs_reason && !form.reasonCode) return 'reason'
  if (isDispatch && !form.dispatchTo) return 'target'
  return null
}

export function bodyOf(form: VerdictForm, isDispatch: boolean): VerdictBody {
  const body: VerdictBody = { kind: form.kind! }
  if (form.kind === 'unlawful') body.violation_code = form.violationCode
  if (form.kind !== 'unlawful' && form.reasonCode) body.reason_code = form.reasonCode
  if (form.note.trim()) body.note = form.note.trim()
  if (isDispatch) body.dispatch_to = form.dispatchTo
  return body
}

/** A fact that a move asks for besides its reason, as the server names it. */
export interface AskedFact {
  name: 'due_on' | 'into_number'
  isRequired: boolean
}

export function askedFact(action: PatchAction): AskedFact | null {
  if (action.action === 'order_rectification') return { name: 'due_on', isRequired: false }
  if (action.action === 'merge') return { name: 'into_number', isRequired: true }
  return null
}
