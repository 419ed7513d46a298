import { beforeEach, describe, expect, it, vi } from 'vitest'
import { shallowRef } from 'vue'
import type { PaperDetailInfo } from '@/shared/api/casework'
import { ApiError } from '@/shared/api/http'

const { read } = vi.hoisted(() => ({ read: vi.fn() }))
vi.mock('@/officer/casework/api', () => ({ casework: { paper: read } }))
vi.stubGlobal('requestAnimationFrame', (done: () => void) => done())
const { differences, usePaperWrites } = await import('@/officer/casework/paperWrites')

const field = (key: string, text: string) => ({ key, name: key, name_en: key, text, value: text })
const paper = (version: number, ...texts: string[]): PaperDetailInfo =>
  ({
    paper_id: 'p', version, actions: ['revise'],
    fields: texts.map((text, at) => field(`f${at}`, text)),
    versions: Array.from({ length: version }, (_, at) => ({ version: at + 1, made_name: '周某' })),
  }) as unknown as PaperDetailInfo
const stale = () =>
  new ApiError({ title: '', status: 412, code: 'patrol.paper.version_changed', detail: '', facts: { changed_by: '周某', changed_at: '2026-09-16T01:00:00Z' } })

describe('a paper that somebody else saved meanwhile', () => {
  const seen = paper(1, 'a', 'b')
  const theirs = paper(3, 'a', 'c')
  beforeEach(() => read.mockReset().mockResolvedValue(theirs))

  it('names every field that differs, and the one being written', () => {
    expect(differences(seen, theirs, undefined)).toMatchObject([{ key: 'f1', before: 'b', now: 'c', typed: null }])
    expect(differences(seen, theirs, { key: 'f0', text: 'mine' }).map((each) => [each.key, each.typed])).toEqual([['f0', 'mine'], ['f1', null]])
  })

  it('leaves the paper as it was seen, and sends again upon the newer version only when asked', async () => {
    const open = shallowRef<PaperDetailInfo | null>(seen)
    const reload = vi.fn()
    const changed = vi.fn()
    const versions: number[] = []
    const send = async (now: PaperDetailInfo): Promise<PaperDetailInfo> => {
      versions.push(now.version)
      if (now.version < 3) throw stale()
      return paper(4, 'mine', 'c')
    }
    const writes = usePaperWrites(open, reload, changed)
    expect(await writes.run({ action: 'revise', send, told: () => '', typed: { key: 'f0', text: 'mine' } })).toBe(false)
    expect(open.value).toBe(seen)
    expect(reload).not.toHaveBeenCalled()
    expect(writes.conflict.value).toMatchObject({ by: '周某', versions: [{ version: 2 }, { version: 3 }] })
    expect(await writes.takeMine()).toBe(true)
    expect(versions).toEqual([1, 3])
    expect(open.value?.version).toBe(4)
    expect(writes.conflict.value).toBeNull()
  })

  it('asks again when a third person was faster, and can take what stands', async () => {
    const open = shallowRef<PaperDetailInfo | null>(seen)
    const writes = usePaperWrites(open, vi.fn(), vi.fn())
    const send = () => Promise.reject(stale())
    await writes.run({ action: 'revise', send, told: () => '', typed: { key: 'f0', text: 'mine' } })
    read.mockResolvedValue(paper(5, 'x', 'c'))
    expect(await writes.takeMine()).toBe(false)
    expect(writes.conflict.value?.fields.find((each) => each.key === 'f0')).toMatchObject({ before: 'a', now: 'x', typed: 'mine' })
    writes.takeTheirs()
    expect(open.value?.version).toBe(5)
  })
})
