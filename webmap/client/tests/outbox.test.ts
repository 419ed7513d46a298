import { describe, expect, it } from 'vitest'
import {
  failed, isHeld, nextDue, nextWake, recovered, retried, started, succeeded, summarize, waitMs, type EvidenceItem, type Failure,
  type OutboxItem, type VisitItem,
} from '@/field/state/outbox'
import { emptyDraft, isFromGallery, itemsOf, visitLack } from '@/field/state/visitForm'
import { emptyFinding, findingItems, findingLack } from '@/field/findings/form'
import { sha256Hex, uuid7 } from '@/field/state/uuid'
import { itemOf, tasksSince } from '@/field/state/walk'

const base = {
  visit_id: 'v1', account_id: 'a1', patch_number: '410883-2609-0001', created_at: '2026-09-14T10:00:00+08:00', status: 'waiting' as const, tries: 0,
  next_try_at: 0, problem: null, mend: null, size: 1, sent_at: null,
}
const visit = { ...base, id: 'v1', kind: 'visit', counter: 1, body: {} } as unknown as VisitItem
const photo = (n: number): EvidenceItem =>
  ({ ...base, id: `e${n}`, kind: 'evidence', counter: 1 + n, meta: {}, file: new Blob(['x']) }) as unknown as EvidenceItem
const noNet: Failure = { isTransient: true, isSignedOut: false, text: '网络不通', mend: null }
const refusal: Failure = { isTransient: false, isSignedOut: false, text: '校验不一致', mend: '请重拍' }
const signedOut: Failure = { isTransient: false, isSignedOut: true, text: '请登录', mend: null }

/** Runs the machine against a server that answers by `answers`, until nothing is due. */
function run(items: OutboxItem[], answers: (item: OutboxItem) => Failure | null, now: number): OutboxItem[] {
  let state = items
  for (let guard = 0; guard < 100; guard += 1) {
    const item = nextDue(state, now)
    if (!item) return state
    const failure = answers(item)
    const next = failure ? failed(started(item), failure, now) : succeeded(started(item), 'now')
    state = state.map((each) => (each.id === item.id ? next : each))
  }
  throw new Error('never calm')
}

describe('outbox', () => {
  it('sends the visit first, then its photos in order', () => {
    const order: string[] = []
    const done = run([photo(2), photo(1), visit], (item) => (order.push(item.id), null), 0)
    expect(order).toEqual(['v1', 'e1', 'e2'])
    expect(done.every((item) => item.status === 'sent')).toBe(true)
    expect((done[0] as EvidenceItem).file).toBeNull()
  })

  it('keeps everything while there is no network, and waits longer each time', () => {
    let state: OutboxItem[] = [visit, photo(1)]
    let now = 0
    for (let n = 1; n <= 4; n += 1) {
      state = run(state, () => noNet, now)
      const wake = nextWake(state)!
      expect(wake - now).toBe(waitMs(n))
      expect(nextDue(state, wake - 1)).toBeNull()
      now = wake
    }
    expect(state).toHaveLength(2)
    expect((state[1] as EvidenceItem).file).not.toBeNull()
    expect(run(state, () => null, now).every((item) => item.status === 'sent')).toBe(true)
    expect(waitMs(40)).toBe(300_000)
  })

  it('holds the photos of a refused visit, and goes on with other visits', () => {
    const other = { ...visit, id: 'v2', visit_id: 'v2', counter: 9 }
    const state = run([visit, photo(1), other], (item) => (item.id === 'v1' ? refusal : null), 0)
    expect(state.map((item) => item.status)).toEqual(['refused', 'waiting', 'sent'])
    expect(isHeld(state, state[1]!)).toBe(true)
    expect(nextWake(state)).toBeNull()
    const again = state.map((item) => retried(item, 5))
    expect(run(again, () => null, 5).every((item) => item.status === 'sent')).toBe(true)
  })

  it('counts no try while signed out', () => {
    const item = failed(started(visit), signedOut, 7)
    expect(item).toMatchObject({ status: 'waiting', tries: 0, next_try_at: 7 })
  })

  it('sends again after a crash what was in flight, under the same id', () => {
    const state = recovered([{ ...visit, status: 'sending', tries: 3, next_try_at: 99 }, { ...photo(1), status: 'refused' }])
    expect(nextDue(state, 0)?.id).toBe('v1')
    expect(state[1]?.status).toBe('refused')
  })

  it('never sends a sent item again', () => {
    expect(retried(succeeded(visit, 'now'), 1).status).toBe('sent')
  })

  it('says in one word how it stands', () => {
    const sent = succeeded(visit, 'now')
    expect(summarize([sent], true).tone).toBe('synced')
    expect(summarize([], false).tone).toBe('synced')
    expect(summarize([sent, photo(1)], false)).toMatchObject({ tone: 'offline', unsent: 1, done: 1, total: 2 })
    expect(summarize([sent, started(photo(1)), photo(2)], true)).toMatchObject({ tone: 'sending', done: 1, total: 3 })
    expect(summarize([{ ...visit, status: 'refused' }, photo(1)], true)).toMatchObject({ tone: 'failed', refused: 1, unsent: 2 })
  })

  it("sends a helper's photo, which belongs to no visit, in its turn", () => {
    const helping = { ...photo(0), id: 'h1', visit_id: '', help_id: 'help-1', counter: 0 }
    expect(isHeld([visit, helping], helping)).toBe(false)
    expect(nextDue([visit, photo(1), helping], 0)?.id).toBe('h1')
  })
})

describe('ids and hashes made on the phone', () => {
  it('makes UUIDv7 that sort by time', () => {
    const early = uuid7(1_789_000_000_000)
    const late = uuid7(1_789_000_000_001)
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(early < late).toBe(true)
    expect(Number.parseInt(early.replace(/-/g, '').slice(0, 12), 16)).toBe(1_789_000_000_000)
  })
  it('hashes the bytes of a photo', async () => {
    expect(await sha256Hex(new Blob(['abc']))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('the visit form', () => {
  const photoOf = (id: string) => ({ id, file: new Blob(['jpg']), meta: { sha256: 'ab' } as never })
  const whole = { ...emptyDraft('t1'), finding: 'built' as const, is_stopped: false, photos: [photoOf('p1'), photoOf('p2')] }

  it('asks for what is missing, and for a position last of all', () => {
    expect(visitLack(emptyDraft('t1'), true, 0)).toBe('finding')
    expect(visitLack({ ...whole, is_stopped: null }, true, 0)).toBe('stopped')
    expect(visitLack({ ...whole, finding: 'not_found', is_stopped: null }, true, 0)).toBeNull()
    expect(visitLack({ ...whole, photos: [] }, true, 0)).toBe('photo')
    expect(visitLack(whole, true, 201)).toBe('note')
    expect(visitLack({ ...whole, note: '隔河拍摄' }, true, 201)).toBeNull()
    expect(visitLack(whole, false, null)).toBe('position')
  })

  it('makes a visit and its photos, numbered in the order in which they are sent', () => {
    const made = itemsOf(whole, {
      accountId: 'a1', patchNumber: 'n', visitId: 'v9', firstCounter: 41, nowIso: '2026-09-14T02:00:00.000Z',
      place: { lonlat: [112.7, 34.9], accuracy_m: 6, heading_deg: null, heading_source: null },
    })
    expect(made.map((item) => [item.kind, item.id, item.counter, item.visit_id])).toEqual([
      ['visit', 'v9', 41, 'v9'], ['evidence', 'p1', 42, 'v9'], ['evidence', 'p2', 43, 'v9'],
    ])
    expect((made[0] as VisitItem).body).toMatchObject({ device_counter: 41, coord_source: 'wgs84', is_stopped: false })
  })

  it('marks an old file as chosen from the gallery', () => {
    expect(isFromGallery(1_000_000, 1_030_000)).toBe(false)
    expect(isFromGallery(0, 1_000_000)).toBe(true)
  })
})

describe('findings', () => {
  const meta = { media_type: 'image/jpeg', sha256: 'x', captured_at: 'then', lon: null, lat: null, accuracy_m: null, bearing_deg: null, is_from_gallery: false }
  const draft = { ...emptyFinding(), category: 'building', note: ' 打地基 ', photos: [{ id: 'p1', meta, file: new Blob(['x']) }] }
  const sending = {
    accountId: 'a1', findingId: 'f1', patrolId: 'w1', firstCounter: 4, own: { lonlat: [112.7, 35] as [number, number], accuracyM: 8.04 }, nowIso: 'now',
  }

  it('says what is missing, one thing at a time', () => {
    expect(findingLack(emptyFinding(), true)).toBe('category')
    expect(findingLack({ ...emptyFinding(), category: 'pond' }, true)).toBe('proof')
    expect(findingLack(draft, false)).toBe('position')
    expect(findingLack({ ...draft, place: [112.7, 35] }, false)).toBeNull()
    expect(findingLack({ ...draft, photos: [] }, true)).toBeNull()
  })

  it('goes before its photos, belongs to its patrol, and holds them while it is refused', () => {
    const items = findingItems(draft, sending)
    expect(items.map((item) => [item.kind, item.id, item.counter])).toEqual([['finding', 'f1', 4], ['evidence', 'p1', 5]])
    expect(items[0]!.kind === 'finding' && items[0]!.body).toMatchObject({ patrol_id: 'w1', lonlat: [112.7, 35], accuracy_m: 8, own_lonlat: null, note: '打地基' })
    const order: string[] = []
    run([items[1]!, items[0]!], (item) => (order.push(item.id), null), 0)
    expect(order).toEqual(['f1', 'p1'])
    const refused = run(items, (item) => (item.id === 'f1' ? refusal : null), 0)
    expect(isHeld(refused, refused[1]!)).toBe(true)
  })

  it('tells where the finder stood when the place was chosen on the map', () => {
    const [item] = findingItems({ ...draft, place: [112.71, 35.01] }, sending)
    expect(item!.kind === 'finding' && item!.body).toMatchObject({ lonlat: [112.71, 35.01], own_lonlat: [112.7, 35] })
    const [blind] = findingItems({ ...draft, place: [112.71, 35.01] }, { ...sending, own: null })
    expect(blind!.kind === 'finding' && blind!.body).toMatchObject({ own_lonlat: [112.71, 35.01], accuracy_m: 0 })
  })
})

describe('outings for tasks', () => {
  const at = (minute: number): string => new Date(Date.UTC(2026, 8, 8, 1, minute)).toISOString()
  const outing = (tasks: number) => itemOf({
    patrol_id: 'w1', account_id: 'a1', post_id: 'p1', started_at: Date.parse(at(0)), is_paused: false, has_track: false, left_out: { poor: 0, jump: 0 },
  }, [], Date.parse(at(30)), 9, tasks)
  const seen = (id: string, minute: number, task: string): VisitItem =>
    ({ ...visit, id, visit_id: id, counter: 20, body: { assignment_id: task, device_time: at(minute) } }) as unknown as VisitItem

  it('send no positions, and how many tasks were visited', () => {
    const items = [seen('v1', 5, 't1'), seen('v2', 6, 't1'), seen('v3', 7, 't2'), { ...seen('v4', 8, 't3'), account_id: 'a2' }]
    expect(tasksSince(items, 'a1', Date.parse(at(0)))).toBe(2)
    expect(tasksSince(items, 'a1', Date.parse(at(7)))).toBe(1)
    expect(outing(2).body).toMatchObject({ fixes: [], tasks_visited: 2 })
    expect(outing(0).body).not.toHaveProperty('tasks_visited')
  })

  it('wait for the visits that prove them, but not for a refused one, nor for later ones', () => {
    const order: string[] = []
    run([outing(1), seen('v1', 5, 't1')], (item) => (order.push(item.id), null), 0)
    expect(order).toEqual(['v1', 'w1'])
    const refused = run([outing(1), seen('v1', 5, 't1')], (item) => (item.id === 'v1' ? refusal : null), 0)
    expect(refused.find((item) => item.id === 'w1')!.status).toBe('sent')
    expect(isHeld([outing(1), seen('v9', 45, 't1')], outing(1))).toBe(false)
  })
})
