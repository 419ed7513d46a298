import type { StateKey } from './api/types'

export interface StateStyle {
  colour: string
  glyph: string
  dash: number[] | null
}

/** Colours for imagery, glyph and dash per state: interface tokens, apart under colour blindness. */
export const STATE_STYLES: Record<StateKey, StateStyle> = {
  new: { colour: '#D98900', glyph: '◆', dash: null },
  suspect: { colour: '#B0230A', glyph: '▲', dash: null },
  dispatched: { colour: '#0A2F86', glyph: '➤', dash: [10, 4] },
  checking: { colour: '#6CCBF2', glyph: '◐', dash: null },
  review: { colour: '#B44FC6', glyph: '■', dash: null },
  rectify: { colour: '#F5E52E', glyph: '↻', dash: [6, 3] },
  closed: { colour: '#127C5E', glyph: '✓', dash: null },
  dismissed: { colour: '#91969D', glyph: '–', dash: [2, 4] },
}
