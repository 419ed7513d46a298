import { describe, expect, it } from 'vitest'
import { askedFacts, canJudge, verdictsOf } from '@/officer/drawer/verdictForm'
import type { PatchAction, PatchDetail } from '@/shared/api/types'

const move = (action: string): PatchAction => ({ action, name_en: 'en', name: action, via: 'move', needs_reason: false, reason_kind: null })
const required = (action: string, stage: string | null = null): string[] =>
  askedFacts(move(action), stage).filter((fact) => fact.isRequired).map((fact) => fact.name)

describe('what a move asks for', () => {
  it('takes the receipt of a transfer only with its number and day', () => {
    expect(required('record_receipt')).toEqual(['receipt_no', 'received_on'])
    expect(required('refuse_receipt')).toEqual(['received_on'])
    expect(required('record_service')).toEqual(['served_on'])
  })

  it('asks for the fine and the hearing only where a decision comes next', () => {
    expect(askedFacts(move('advance_case'), 'decided').map((fact) => fact.name)).toEqual(['stage', 'decision_no', 'fine_yuan', 'heard'])
    expect(askedFacts(move('advance_case'), 'investigated').map((fact) => fact.name)).toEqual(['stage'])
  })

  it('asks nothing of a plain move', () => {
    expect(askedFacts(move('pass_review'))).toEqual([])
    expect(askedFacts(null)).toEqual([])
  })
})

describe('the verdict 其他', () => {
  const verdict = (kind: string): PatchAction => ({ ...move(`judge_${kind}`), via: 'verdict' })
  const patch = (...kinds: string[]): PatchDetail => ({ actions: kinds.map(verdict) }) as unknown as PatchDetail
  it('is there only where the server offers it', () => {
    expect(verdictsOf(patch('unlawful'))).not.toContain('other')
    expect(verdictsOf(patch('unlawful', 'other'))).toContain('other')
    expect(canJudge(patch())).toBe(false)
  })
})
