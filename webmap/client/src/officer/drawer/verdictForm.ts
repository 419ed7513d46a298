/** Rules of the judgement form, without the screen. */
import type { Config, PatchAction, PatchDetail, ReasonOption, VerdictBody, VerdictKind } from '@/shared/api/types'

export const VERDICTS: readonly VerdictKind[] = ['unlawful', 'lawful', 'not_new', 'doubtful']
/** What an officer may choose now: 其他 only where the server offers it, after a visit. */
export const verdictsOf = (patch: PatchDetail): readonly VerdictKind[] => (verdictAction(patch, 'other') ? [...VERDICTS, 'other'] : VERDICTS)
/** Verdicts after which somebody may be sent to look. */
const SENDS_OUT: readonly VerdictKind[] = ['unlawful', 'doubtful']

export interface VerdictForm {
  kind: VerdictKind | null
  violationCode: string
  reasonCode: string
  note: string
  dispatchTo: string
  /** Day on which the act ended; empty while it goes on. */
  actEndedOn: string
}

/** Whether the form asks for the end of the act: an unlawful one, judged after somebody has seen it. */
export const asksActEnd = (form: VerdictForm, patch: PatchDetail): boolean =>
  form.kind === 'unlawful' && patch.internal_state === 'to_judge'

export function verdictAction(patch: PatchDetail, kind: VerdictKind | null): PatchAction | undefined {
  return patch.actions.find((each) => each.action === `judge_${kind}`)
}

export function dispatchAction(patch: PatchDetail): PatchAction | undefined {
  return patch.actions.find((each) => each.via === 'dispatch')
}

export const canJudge = (patch: PatchDetail): boolean => verdictsOf(patch).some((kind) => verdictAction(patch, kind))
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
  return { kind: null, violationCode: patch.violation_code ?? patch.judgement?.violation_code ?? '', reasonCode: '', note: '', dispatchTo: targets[0]?.post_id ?? '', actEndedOn: '' }
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

export function bodyOf(form: VerdictForm, patch: PatchDetail, isDispatch: boolean): VerdictBody {
  const body: VerdictBody = { kind: form.kind! }
  if (form.kind === 'unlawful') body.violation_code = form.violationCode
  if (form.kind !== 'unlawful' && form.reasonCode) body.reason_code = form.reasonCode
  if (form.note.trim()) body.note = form.note.trim()
  if (isDispatch) body.dispatch_to = form.dispatchTo
  if (form.actEndedOn && asksActEnd(form, patch)) body.act_ended_on = form.actEndedOn
  return body
}

/** A fact that a move asks for besides its reason, as the server names it. */
export interface AskedFact {
  name: FactName
  type: 'text' | 'date' | 'number' | 'check' | 'stage'
  isRequired: boolean
}

export const FACTS = [
  'due_on', 'into_number', 'paper_no', 'sent_on', 'reminder_no', 'receipt_no', 'received_on', 'served_on', 'how', 'stage', 'decision_no', 'fine_yuan', 'heard',
  'paid_on',
] as const
export type FactName = (typeof FACTS)[number]

const must = (name: FactName, type: AskedFact['type'] = 'text'): AskedFact => ({ name, type, isRequired: true })
const free = (name: FactName, type: AskedFact['type'] = 'text'): AskedFact => ({ name, type, isRequired: false })

const OF_MOVE: Record<string, AskedFact[]> = {
  order_rectification: [free('due_on', 'date')],
  merge: [must('into_number')],
  transfer: [free('paper_no'), free('sent_on', 'date')],
  remind_receipt: [free('reminder_no')],
  record_receipt: [must('receipt_no'), must('received_on', 'date'), free('paper_no')],
  refuse_receipt: [must('received_on', 'date')],
  advance_case: [must('stage', 'stage')],
  record_service: [must('served_on', 'date'), free('how')],
}
const OF_STAGE: Record<string, AskedFact[]> = {
  notified: [free('served_on', 'date')],
  decided: [free('decision_no'), free('fine_yuan', 'number'), free('heard', 'check')],
  executed: [free('paid_on', 'date')],
}

/** Facts of a move; of a filed case also those of the stage that it goes on to. */
export function askedFacts(action: PatchAction | null, stage: string | null = null): AskedFact[] {
  if (!action) return []
  return [...(OF_MOVE[action.action] ?? []), ...(action.action === 'advance_case' ? (OF_STAGE[stage ?? ''] ?? []) : [])]
}
