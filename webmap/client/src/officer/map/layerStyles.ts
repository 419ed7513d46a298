import { Fill, Stroke, Style, Text } from 'ol/style'
import type { FeatureLike } from 'ol/Feature'
import { symbolOf, type LayerSymbol } from './layerSymbols'

/** Period of the hatch in CSS pixels; it divides the 512 px tile, so that lines meet across tiles. */
const HATCH_PX = 16

/** One diagonal family of lines, drawn so that it repeats without a seam. */
function seamlessHatch(colour: string, angle: 45 | 135, ratio: number): CanvasPattern | string {
  const size = HATCH_PX * ratio
  const canvas = document.createElement('canvas')
  canvas.width = size
  canvas.height = size
  const context = canvas.getContext('2d')
  if (!context) return 'rgba(0,0,0,0)'
  context.strokeStyle = colour
  context.lineWidth = 1.5 * ratio
  context.beginPath()
  for (let k = -1; k <= 2; k += 0.5) {
    const at = k * size
    context.moveTo(at - size, angle === 45 ? size * 2 : -size)
    context.lineTo(at + size * 2, angle === 45 ? -size : size * 2)
  }
  context.stroke()
  return context.createPattern(canvas, 'repeat') ?? 'rgba(0,0,0,0)'
}

function fillOf(symbol: LayerSymbol): Fill {
  if (symbol.hatch) return new Fill({ color: seamlessHatch(symbol.hatch, symbol.hatchAngle ?? 45, devicePixelRatio || 1) })
  // An invisible fill keeps the inside of an outline clickable.
  return new Fill({ color: symbol.fill ?? 'rgba(0,0,0,0)' })
}

/** From this many metres a pixel on, a dense layer shows its hatch alone: its outlines would hide the image. */
const OUTLINE_TO_M_PER_PX = 7
const NAME_TO_M_PER_PX = 30

function divisionStyle(symbol: LayerSymbol, base: Style): (feature: FeatureLike, resolution: number) => Style[] {
  const dash = symbol.dash ? { lineDash: symbol.dash } : {}
  const halo = new Style({ stroke: new Stroke({ color: 'rgba(16,36,58,0.5)', width: symbol.width + 2, ...dash }) })
  const labels = new Map<string, Style>()
  return (feature, resolution) => {
    const name = String(feature.get('name') ?? '')
    if (!name || resolution > NAME_TO_M_PER_PX) return [halo, base]
    let label = labels.get(name)
    if (!label) {
      label = new Style({
        text: new Text({
          text: name, font: '600 12px "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif', overflow: true,
          fill: new Fill({ color: '#FFFFFF' }), stroke: new Stroke({ color: 'rgba(16,36,58,0.85)', width: 3 }),
        }),
      })
      labels.set(name, label)
    }
    return [halo, base, label]
  }
}

/** Style function of one reference layer. Names are written for divisions only. */
export function layerStyle(kind: string): (feature: FeatureLike, resolution: number) => Style | Style[] {
  const symbol = symbolOf(kind)
  const stroke = new Stroke({ color: symbol.stroke, width: symbol.width, ...(symbol.dash ? { lineDash: symbol.dash } : {}) })
  const base = new Style({ stroke, fill: fillOf(symbol) })
  if (kind === 'division') return divisionStyle(symbol, base)
  const far = new Style({ fill: fillOf(symbol) })
  return (_feature, resolution) => (symbol.isDense && resolution > OUTLINE_TO_M_PER_PX ? far : base)
}
