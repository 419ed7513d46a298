/** Keyboard paths. Single keys are left to a field that is being typed in. */
import { step, undoLast } from './state/drawer'
import { compare, selectedId } from './state/view'
import { toast } from './state/notices'
import { page } from './state/permalink'
import { select } from './state/drawer'
import type { CompareMode } from './url'
import type { VerdictKind } from '@/shared/api/types'

export const VERDICT_KEYS: Record<string, VerdictKind> = { '1': 'unlawful', '2': 'lawful', '3': 'not_new', '4': 'doubtful' }

/** Events for the parts that own what a key does. */
export const keyBus = new EventTarget()
export const emitKey = (name: string, detail?: unknown): boolean => keyBus.dispatchEvent(new CustomEvent(name, { detail }))

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
}

function toggleMode(mode: CompareMode): void {
  compare.mode = compare.mode === mode ? 'off' : mode
}

const ACTIONS: Record<string, () => void> = {
  s: () => toggleMode('swipe'),
  b: () => toggleMode('blink'),
  j: () => step(1),
  k: () => step(-1),
}

function onCombination(event: KeyboardEvent): boolean {
  if (!(event.ctrlKey || event.metaKey)) return false
  if (event.key === 'Enter' && selectedId.value) {
    event.preventDefault()
    emitKey('submit')
  } else if (event.key.toLowerCase() === 'z' && toast.value?.undo && !isTyping(event.target)) {
    event.preventDefault()
    undoLast(toast.value.undo)
  }
  return true
}

function onSpace(event: KeyboardEvent): boolean {
  if (event.key !== ' ' || !(event.target instanceof HTMLElement)) return false
  if (event.target.closest('button, a, summary, [role=row], [role=slider]')) return false
  event.preventDefault()
  if (!event.repeat) emitKey('hold', true)
  return true
}

export function listenToKeys({ openSheet }: { openSheet: () => void }): () => void {
  const onDown = (event: KeyboardEvent): void => {
    if (document.querySelector('dialog[open]') || onCombination(event) || event.altKey) return
    if (isTyping(event.target)) return
    if (onSpace(event)) return
    const key = event.key.toLowerCase()
    const verdict = VERDICT_KEYS[event.key]
    if (event.key === '?') openSheet()
    else if (event.key === '/') {
      event.preventDefault()
      emitKey('search')
    } else if (event.key === 'Escape') select(null)
    else if (page.value !== 'map') return
    else if (verdict && selectedId.value) emitKey('verdict', verdict)
    else ACTIONS[key]?.()
  }
  const onUp = (event: KeyboardEvent): void => {
    if (event.key === ' ') emitKey('hold', false)
  }
  window.addEventListener('keydown', onDown)
  window.addEventListener('keyup', onUp)
  return () => {
    window.removeEventListener('keydown', onDown)
    window.removeEventListener('keyup', onUp)
  }
}
