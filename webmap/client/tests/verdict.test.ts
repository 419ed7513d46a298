import { describe, expect, it } from 'vitest'
import { bodyOf, canJudge, lacking, otherMoves, reasonsFor, startForm } from '@/officer/drawer/verdictForm'
import type { Config, PatchAction, PatchDetail } from '@/shared/api/types'

const action = (name: string, reasonKind: string | null = null): PatchAction => ({
  name_en: 'en',
  action: name, name, via: name.startsWith('judge_') ? 'verdict' : 'move', needs_reason: reasonKind !== null, reason_kind: reasonKind,
})
const dispatch: PatchAction = {
  ...action('dispatch'), via: 'dispatch', targets: [{ post_id: 'p1', title: '西虢镇自然资源所', holder_name: '张某甲', tier: 3 }],
}
const patch = {
  violation_code: 'L04',
  actions: [action('judge_unlawful'), action('judge_not_new', 'not_new'), action('merge', 'merge'), dispatch],
} as unknown as PatchDetail

describe('the judgement form', () => {
  it('starts from the suggested violation and the first target', () => {
    expect(startForm(patch)).toMatchObject({ kind: null, violationCode: 'L04', dispatchTo: 'p1' })
  })

  it('says what is lacking, in the order of the form', () => {
    const form = startForm(patch)
    expect(lacking(form, patch, false)).toBe('kind')
    expect(lacking({ ...form, kind: 'unlawful', violationCode: '' }, patch, false)).toBe('violation')
    expect(lacking({ ...form, kind: 'not_new' }, patch, false)).toBe('reason')
    expect(lacking({ ...form, kind: 'unlawful', dispatchTo: '' }, patch, true)).toBe('target')
    expect(lacking({ ...form, kind: 'unlawful' }, patch, true)).toBeNull()
  })

  it('sends only what belongs to the verdict', () => {
    const form = { ...startForm(patch), reasonCode: 'not_new.season', note: '  玉米已收 ' }
    expect(bodyOf({ ...form, kind: 'not_new' }, patch, false)).toEqual({ kind: 'not_new', reason_code: 'not_new.season', note: '玉米已收' })
    expect(bodyOf({ ...form, kind: 'unlawful', note: '' }, patch, true)).toEqual({ kind: 'unlawful', violation_code: 'L04', dispatch_to: 'p1' })
  })

  it('sends the end of an act only of an unlawful one that somebody has seen', () => {
    const seen = { ...patch, internal_state: 'to_judge' }
    const form = { ...startForm(seen), actEndedOn: '2026-08-31' }
    expect(bodyOf({ ...form, kind: 'unlawful' }, seen, false)).toMatchObject({ act_ended_on: '2026-08-31' })
    expect(bodyOf({ ...form, kind: 'unlawful' }, patch, false)).not.toHaveProperty('act_ended_on')
    expect(bodyOf({ ...form, kind: 'not_new' }, seen, false)).not.toHaveProperty('act_ended_on')
    expect(bodyOf({ ...form, kind: 'unlawful', actEndedOn: '' }, seen, false)).not.toHaveProperty('act_ended_on')
  })

  it('offers the reasons of that kind alone, and other moves as their own buttons', () => {
    const config = { reasons: [{ kind: 'not_new', code: 'not_new.season', zh: '季相' }, { kind: 'merge', code: 'merge.duplicate', zh: '重复' }] } as Config
    expect(reasonsFor(config, patch, 'not_new').map((each) => each.code)).toEqual(['not_new.season'])
    expect(reasonsFor(config, patch, 'unlawful')).toEqual([])
    expect(otherMoves(patch).map((each) => each.action)).toEqual(['merge'])
  })

  it('is closed where the server lists no verdict', () => {
    expect(canJudge(patch)).toBe(true)
    expect(canJudge({ ...patch, actions: [dispatch] })).toBe(false)
  })
})
