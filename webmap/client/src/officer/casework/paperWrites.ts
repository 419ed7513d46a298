/** Writes to an open paper: when somebody else has saved meanwhile, what differs is asked about, nothing typed is lost. */
import { shallowRef, type ShallowRef } from 'vue'
import { asProblem } from '@/shared/api/http'
import { showProblem } from '@/officer/state/notices'
import type { PaperDetailInfo, PaperVersionInfo } from '@/shared/api/casework'
import { casework } from './api'
import { attempt } from './store'

export interface PaperWrite {
  /** The action as the server names it in `actions`. */
  action: string
  send: (open: PaperDetailInfo) => Promise<PaperDetailInfo>
  told: (done: PaperDetailInfo) => string
  /** What the officer typed: field and text. */
  typed?: { key: string; text: string }
}

export interface FieldDifference {
  key: string
  name: string
  name_en: string
  before: string
  now: string
  typed: string | null
}

export interface PaperConflict {
  by: string
  at: string
  theirs: PaperDetailInfo
  versions: PaperVersionInfo[]
  fields: FieldDifference[]
  write: PaperWrite
}

/** Fields whose text is no longer what the officer saw, and the one that the officer was writing. */
export function differences(mine: PaperDetailInfo, theirs: PaperDetailInfo, typed: PaperWrite['typed']): FieldDifference[] {
  const before = new Map(mine.fields.map((field) => [field.key, field.text]))
  return theirs.fields
    .filter((field) => field.text !== (before.get(field.key) ?? '') || field.key === typed?.key)
    .map((field) => ({
      key: field.key, name: field.name, name_en: field.name_en, before: before.get(field.key) ?? '', now: field.text,
      typed: field.key === typed?.key ? typed.text : null,
    }))
}

export function usePaperWrites(paper: ShallowRef<PaperDetailInfo | null>, reload: () => Promise<void>, changed: () => void) {
  const conflict = shallowRef<PaperConflict | null>(null)

  /** The paper that the officer sees stays until the officer has chosen. */
  async function ask(write: PaperWrite, seen: PaperDetailInfo, facts: Record<string, unknown>): Promise<void> {
    try {
      const theirs = await casework.paper(seen.paper_id)
      if (paper.value?.paper_id !== seen.paper_id) return
      conflict.value = {
        by: String(facts.changed_by ?? ''), at: String(facts.changed_at ?? ''), theirs, write,
        versions: theirs.versions.filter((each) => each.version > seen.version), fields: differences(seen, theirs, write.typed),
      }
    } catch (error) {
      showProblem(asProblem(error))
    }
  }

  async function send(write: PaperWrite, open: PaperDetailInfo): Promise<boolean> {
    let isStale = false
    const done = await attempt(() => write.send(open), write.told, async (problem) => {
      isStale = true
      await ask(write, paper.value ?? open, problem.facts ?? {})
    })
    if (done) paper.value = done
    // A refused text stays in its form; a refused step shows the paper as it is now.
    else if (!isStale && !write.typed) await reload()
    if (!isStale) changed()
    return done !== null
  }

  async function run(write: PaperWrite): Promise<boolean> {
    conflict.value = null
    return paper.value ? send(write, paper.value) : false
  }

  function takeTheirs(): void {
    if (!conflict.value) return
    paper.value = conflict.value.theirs
    conflict.value = null
    changed()
  }

  /** Once more, upon what the other has saved: only the officer's own field is set. */
  async function takeMine(): Promise<boolean> {
    const open = conflict.value
    if (!open) return false
    conflict.value = null
    return send(open.write, open.theirs)
  }

  return { conflict, run, takeTheirs, takeMine }
}
