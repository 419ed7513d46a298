import { describe, expect, it } from 'vitest'
import { decodePermalink, encodePermalink, type Permalink } from '@/officer/url'

describe('permalink', () => {
  const full: Permalink = {
    view: { zoom: 17.1, lat: 35.08912, lon: 112.95004 },
    compare: { mode: 'swipe', at: 0.375 },
    before: '2026-04-08',
    after: '2026-09-08',
    layers: ['basic_farmland', 'parcel'],
    states: ['suspect', 'new'],
    severityMin: 2,
    division: '410883105000',
    q: '厂房, a&b=c|d',
    isMine: true,
    number: '410883-2609-0098',
  }

  it('comes back as it went', () => {
    expect(decodePermalink(encodePermalink(full))).toEqual(full)
  })

  it('is the form that the design names', () => {
    const link = '#/map?c=17.1,35.08912,112.95004&cmp=swipe:.5&a=2025-06-12&b=2025-09-08&ly=pbf,parcel' +
      '&f=st:suspect,sev:2&id=410882-2509-0098'
    expect(decodePermalink(link)).toEqual({
      view: { zoom: 17.1, lat: 35.08912, lon: 112.95004 }, compare: { mode: 'swipe', at: 0.5 },
      before: '2025-06-12', after: '2025-09-08', layers: ['pbf', 'parcel'], states: ['suspect'], severityMin: 2,
      number: '410882-2509-0098',
    })
  })

  it('says that no layer is on, which is not the same as saying nothing', () => {
    expect(decodePermalink(encodePermalink({ layers: [] })).layers).toEqual([])
    expect(decodePermalink(encodePermalink({})).layers).toBeUndefined()
  })

  it('leaves out what it cannot understand', () => {
    expect(decodePermalink('#/map?c=17,abc,112&cmp=warp:.5&f=st:sold,sev:9,div:x&id=')).toEqual({ states: [] })
    expect(decodePermalink('#/map?c=,,&cmp=swipe:7&a=%E0%A4%A')).toEqual({ before: '' })
    expect(decodePermalink('nonsense')).toEqual({})
  })
})
