/** Parts of the open patch on the map: what a permit covers, what exceeds it, the pieces by village. */
import Feature from 'ol/Feature'
import type { Geometry } from 'ol/geom'
import { Fill, Stroke, Style, Text } from 'ol/style'
import type { MapPiece } from './store'

const LOOKS: Record<MapPiece['kind'], { fill: string; line: string; dash?: number[] }> = {
  excess: { fill: 'rgba(176,35,10,0.55)', line: '#FFFFFF' },
  approved: { fill: 'rgba(18,124,94,0.55)', line: '#FFFFFF' },
  village: { fill: 'rgba(255,255,255,0.08)', line: '#FFD34D', dash: [8, 5] },
}

export function pieceFeature(piece: MapPiece, geometry: Geometry): Feature {
  const look = LOOKS[piece.kind]
  const feature = new Feature({ geometry, isPiece: true })
  feature.setStyle(
    new Style({
      fill: new Fill({ color: look.fill }),
      stroke: new Stroke({ color: look.line, width: 2, ...(look.dash ? { lineDash: look.dash } : {}) }),
      text: new Text({
        text: piece.name, font: '13px "Noto Sans CJK SC", "Microsoft YaHei", sans-serif', overflow: true,
        fill: new Fill({ color: '#FFFFFF' }), stroke: new Stroke({ color: 'rgba(16,36,58,0.9)', width: 4 }),
      }),
    }),
  )
  return feature
}
