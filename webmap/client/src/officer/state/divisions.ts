/** Administrative divisions of the officer's area, asked for once each. */
import { api } from '@/shared/api/client'
import { me } from '@/shared/session'
import type { Division } from '@/shared/api/types'

const children = new Map<string, Promise<Division[]>>()

/** The village behind a committee's official name: 义井村村民委员会 is 义井村. */
export function spokenName(name: string): string {
  return name.replace(/村村民委员会$/, '村').replace(/(村民|居民)委员会$/, '')
}

export function divisionsOf(parent: string): Promise<Division[]> {
  let found = children.get(parent)
  if (!found) {
    found = api.divisions(parent).then((rows) => rows.map((row) => ({ ...row, name: spokenName(row.name) })))
    found.catch(() => children.delete(parent))
    children.set(parent, found)
  }
  return found
}

/** Divisions whose name holds the text, down to the villages of the area: a county has ≈ 300. */
export async function findDivisions(text: string, limit: number): Promise<Division[]> {
  if (!me.value || /^[\d-]+$/.test(text)) return []
  const found: Division[] = []
  let level = await divisionsOf(me.value.area_code)
  while (level.length > 0 && level.length <= 60 && found.length < limit) {
    found.push(...level.filter((each) => each.name.includes(text)))
    const below = await Promise.all(level.filter((each) => each.has_children).map((each) => divisionsOf(each.code)))
    level = below.flat()
  }
  found.push(...level.filter((each) => each.name.includes(text)))
  return [...new Map(found.map((each) => [each.code, each])).values()].slice(0, limit)
}
