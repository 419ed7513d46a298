/** What several rooms of casework share: the transition table, shapes on the map, writes that may lose a race. */
import { ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { asProblem } from '@/shared/api/http'
import { show, showProblem } from '@/officer/state/notices'
import { casework } from './api'
import type { CaseTable } from '@/shared/api/casework'
import type { GeoJsonGeometry, PatchDetail, Problem } from '@/shared/api/types'

export interface MapPiece {
  kind: 'excess' | 'approved' | 'village'
  name: string
  geometry: GeoJsonGeometry
}

/** Parts of the open patch that the map draws. */
export const mapPieces = shallowRef<MapPiece[]>([])

export const caseTable = shallowRef<CaseTable | null>(null)
let asked: Promise<void> | null = null

export function loadCaseTable(): Promise<void> {
  asked ??= casework.table().then((table) => {
    caseTable.value = table
  }).catch((error: unknown) => {
    asked = null
    showProblem(asProblem(error))
  })
  return asked
}

export const isBusy = ref(false)

/** One write at a time; what the server refuses is told in its own words, a lost race (412) by `onStale` if given. */
export async function attempt<T>(
  send: () => Promise<T>, told: string | ((done: T) => string), onStale?: (problem: Problem) => Promise<void>,
): Promise<T | null> {
  if (isBusy.value) return null
  isBusy.value = true
  try {
    const done = await send()
    show({ text: typeof told === 'string' ? told : told(done), tone: 'ok' }, 5000)
    return done
  } catch (error) {
    const problem = asProblem(error)
    if (onStale && problem.status === 412) await onStale(problem)
    else showProblem(problem)
    return null
  } finally {
    isBusy.value = false
  }
}

/** For writes that do not answer with the patch: do it, then read the patch as it is now. */
export async function thenPatch(patchId: string, done: Promise<unknown>): Promise<PatchDetail> {
  await done
  return api.patch(patchId)
}
