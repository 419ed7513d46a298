/** How long ago ground was seen: steps, colours, and what is a blind spot. */
import type { CellAnswerInfo, CellCoverInfo, CoverageInfo, UnitCoverInfo } from '@/shared/api/casework'

/** By step of the policy, then beyond the last, then never. Told apart under colour blindness too. */
export const AGE_COLOURS = ['#2c7fb8', '#7fcdbb', '#fec44f', '#d95f0e', '#7a0c2e'] as const
export const BLIND_COLOURS = ['#fff1dc', '#fdc98a', '#f08a3c', '#c8400f', '#7a1208'] as const
export const NEAR_COLOURS = ['#e4edf8', '#b3d0ec', '#6fa8dc', '#2f75b8', '#0b3f7a'] as const
const CUTS = [0.1, 0.25, 0.5, 0.75] as const

export type Measure = 'blind' | 'near'

/** One cell with everything that list, map and card say of it. */
export interface SeenCell {
  code: string
  name: string
  divisionName: string
  person: string
  title: string
  nearShare: number | null
  nearM2: number | null
  croplandM2: number | null
  seenM2: number
  blindM2: number
  /** Of the cropland of its parcels; null without any. */
  blindShare: number | null
  agesM2: readonly number[]
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Ground not seen for `blindDays`, and ground never seen. */
export const blindOf = (agesM2: readonly number[], steps: readonly number[], blindDays: number): number =>
  sum(agesM2.slice(steps.indexOf(blindDays) + 1))

export function seenCell(cell: CellCoverInfo, who: CellAnswerInfo | undefined, info: CoverageInfo): SeenCell {
  const all = sum(cell.ages_m2)
  const blindM2 = blindOf(cell.ages_m2, info.steps_days, info.blind_days)
  return {
    code: cell.code, name: cell.name, divisionName: cell.division_name, person: who?.person ?? '', title: who?.title ?? '',
    nearShare: cell.cropland_m2 && cell.near_m2 !== null ? cell.near_m2 / cell.cropland_m2 : null,
    nearM2: cell.near_m2, croplandM2: cell.cropland_m2, seenM2: all,
    blindM2, blindShare: all > 0 ? blindM2 / all : null, agesM2: cell.ages_m2,
  }
}

/** Worst first; what holds no cropland last. */
export function sorted(cells: readonly SeenCell[], measure: Measure): SeenCell[] {
  const rank = (cell: SeenCell): number =>
    measure === 'blind' ? (cell.blindShare === null ? 1 : -cell.blindM2) : (cell.nearShare ?? 2)
  return [...cells].sort((a, b) => rank(a) - rank(b) || a.code.localeCompare(b.code))
}

export const shareOf = (cell: SeenCell, measure: Measure): number | null => (measure === 'blind' ? cell.blindShare : cell.nearShare)

/** Class 0 to 4 of a share. */
export const classOf = (share: number): number => CUTS.filter((cut) => share >= cut).length

export const unitShare = (unit: UnitCoverInfo): number | null => (unit.cropland_m2 > 0 ? unit.near_m2 / unit.cropland_m2 : null)

/** Step of an age in days: 0 is the freshest, the last one is never. */
export function stepOf(days: number | null, steps: readonly number[]): number {
  return days === null ? steps.length + 1 : steps.filter((step) => days >= step).length
}

/** Words of a step: [key, values]. */
export function stepWords(step: number, steps: readonly number[]): ['within' | 'between' | 'beyond' | 'never', Record<string, number>] {
  if (step > steps.length) return ['never', {}]
  if (step === 0) return ['within', { n: steps[0]! }]
  if (step === steps.length) return ['beyond', { n: steps.at(-1)! }]
  return ['between', { a: steps[step - 1]!, b: steps[step]! }]
}
