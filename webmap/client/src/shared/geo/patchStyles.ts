import { Circle, Fill, Stroke, Style } from 'ol/style'
import { STATE_STYLES } from '@/shared/states'
import type { StateKey } from '@/shared/api/types'

/** `#RRGGBB` with an opacity. */
export function withAlpha(hex: string, alpha: number): string {
  const value = Number.parseInt(hex.slice(1), 16)
  return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${alpha})`
}

function outlineStyles(state: StateKey, isSelected: boolean): Style[] {
  const { colour, dash } = STATE_STYLES[state] ?? STATE_STYLES.new
  const line = new Stroke({ color: colour, width: 2.6, ...(dash ? { lineDash: dash } : {}) })
  const casing = new Style({ stroke: new Stroke({ color: '#FFFFFF', width: 5 }), zIndex: 2 })
  const inner = new Style({ stroke: line, fill: new Fill({ color: withAlpha(colour, isSelected ? 0.04 : 0.14) }), zIndex: 3 })
  if (!isSelected) return [casing, inner]
  const outer = new Style({ stroke: new Stroke({ color: '#10243A', width: 8.5 }), zIndex: 1 })
  return [outer, casing, inner]
}

const outlines = new Map<string, Style[]>()

/** White casing and state colour; the chosen patch has a dark line outside the casing. Cached. */
export function patchStyles(state: StateKey, isSelected = false): Style[] {
  const key = `${state}${isSelected ? '+' : ''}`
  let styles = outlines.get(key)
  if (!styles) outlines.set(key, (styles = outlineStyles(state, isSelected)))
  return styles
}

const dots = new Map<string, Circle>()

/** A dot for a patch too small on the screen to be an outline. */
export function patchDot(state: StateKey, severity: number): Circle {
  const key = `${state}${severity}`
  let image = dots.get(key)
  if (!image) {
    image = new Circle({
      radius: 4 + severity,
      fill: new Fill({ color: STATE_STYLES[state]?.colour ?? '#D98900' }),
      stroke: new Stroke({ color: '#FFFFFF', width: 2 }),
    })
    dots.set(key, image)
  }
  return image
}
