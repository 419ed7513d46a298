/** Rules of the judgement form, without the screen. */
import type { Config, PatchAction, PatchDetail, ReasonOption, VerdictBody, VerdictKind } from '@/shared/api/types'

export const VERDICTS: readonly VerdictKind[] = ['unlawful', 'lawful', 'not_new', 'doubtful']
/** Actions that a desk verdict stands for; where the server lists none of them there is no form. */
const VERDICT_ACTIONS = new Set(['verdict', 'judge', 'judge_unlawful', 'judge_lawful', 'judge_not_new', 'judge_doubtful'])
const DISPATCH_ACTIONS = new Set(['dispatch', 'redispatch'])

export interface VerdictForm {
  kind: VerdictKind | null
  violationCode: string
  reasonCode: string
  note: string
  dispatchTo: string
}

export const isVerdictAction = (action: PatchAction): boolean =>
  VERDICT_ACTIONS.has(action.action) || action.action.startsWith('verdict')
export const isDispatchAction = (action: PatchAction): boolean => DISPATCH_ACTIONS.has(action.action)

/** Moves that are neither the verdict nor the dispatch: each has its own button. */
export function otherMoves(patch: PatchDetail): PatchAction[] {
  return patch.actions.filter((action) => !isVerdictAction(action) && !isDispatchAction(action))
}

export function dispatchAction(patch: PatchDetail): PatchAction | undefined {
  return patch.actions.find(isDispatchAction)
}

export const canJudge = (patch: PatchDetail): boolean => patch.actions.some(isVerdictAction)

/** Reason codes for a verdict; unlawful takes a violation of the taxonomy instead. */
export function reasonsFor(config: Config, kind: VerdictKind | null): ReasonOption[] {
  if (!kind || kind === 'unlawful') return []
  return config.reasons.filter((reason) => reason.kind === kind || reason.kind === `verdict_${kind}` || reason.kind === `verdict.${kind}`)
}

export function startForm(patch: PatchDetail): VerdictForm {
  const targets = dispatchAction(patch)?.targets ?? []
  return { kind: null, violationCode: patch.violation_code ?? '', reasonCode: '', note: '', dispatchTo: targets[0]?.post_id ?? '' }
}

export type Lack = 'kind' | 'violation' | 'reason' | 'target'

/** What is missing before the form may be sent; the reason is required for unlawful and not new. */
export function lacking(form: VerdictForm, reasons: readonly ReasonOption[], isDispatch: boolean): Lack | null {
  if (!form.kind) return 'kind'
  if (form.kind === 'unlawful' && !form.violationCode) return 'violation'
  if (form.kind === 'not_new' && !form.reasonCode && (reasons.length > 0 || !form.note.trim())) return 'reason'
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
