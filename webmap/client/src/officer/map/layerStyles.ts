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
  context.lineWidth = 1.15 * ratio
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
/** Names of villages to here, of townships from here: one line of names at a time. */
const VILLAGES_TO_M_PER_PX = 10
const NAMES_TO_M_PER_PX = 60
const NAME_FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif'

/** 12-digit codes that end in 000 are townships. */
const isTownship = (feature: FeatureLike): boolean => /000$/.test(String(feature.get('no') ?? ''))

function nameStyle(name: string, isBig: boolean): Style {
  return new Style({
    text: new Text({
      text: name, font: `600 ${isBig ? 14 : 12}px ${NAME_FONT}`, overflow: true,
      fill: new Fill({ color: '#FFFFFF' }), stroke: new Stroke({ color: 'rgba(16,36,58,0.85)', width: 3 }),
    }),
  })
}

function divisionStyle(symbol: LayerSymbol): (feature: FeatureLike, resolution: number) => Style[] {
  const lines = (isBig: boolean): Style[] => {
    const width = symbol.width + (isBig ? 0.8 : 0)
    const dash = symbol.dash && !isBig ? { lineDash: symbol.dash } : {}
    const halo = new Style({ stroke: new Stroke({ color: 'rgba(16,36,58,0.5)', width: width + 2, ...dash }) })
    return [halo, new Style({ stroke: new Stroke({ color: symbol.stroke, width, ...dash }) })]
  }
  const township = lines(true)
  const village = lines(false)
  const names = new Map<string, Style>()
  return (feature, resolution) => {
    const isBig = isTownship(feature)
    const base = isBig ? township : village
    const name = String(feature.get('name') ?? '')
    if (!name || resolution > NAMES_TO_M_PER_PX || isBig !== resolution > VILLAGES_TO_M_PER_PX) return base
    let label = names.get(name)
    if (!label) names.set(name, (label = nameStyle(name, isBig)))
    return [...base, label]
  }
}

/** Style function of one reference layer. Names are written for divisions only. */
export function layerStyle(kind: string): (feature: FeatureLike, resolution: number) => Style | Style[] {
  const symbol = symbolOf(kind)
  if (kind === 'division') return divisionStyle(symbol)
  const stroke = new Stroke({ color: symbol.stroke, width: symbol.width, ...(symbol.dash ? { lineDash: symbol.dash } : {}) })
  const base = new Style({ stroke, fill: fillOf(symbol) })
  const far = new Style({ fill: fillOf(symbol) })
  return (_feature, resolution) => (symbol.isDense && resolution > OUTLINE_TO_M_PER_PX ? far : base)
}
