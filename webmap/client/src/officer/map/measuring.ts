import type OlMap from 'ol/Map'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import Draw from 'ol/interaction/Draw'
import { Fill, Stroke, Style, Circle } from 'ol/style'
import { LineString, Polygon } from 'ol/geom'
import { lengthM, ringAreaM2 } from '@/shared/geo/measure'
import { toDegrees } from '@/shared/geo/projection'

export type MeasureKind = 'line' | 'area'
export interface Measured {
  kind: MeasureKind
  lengthM: number
  areaM2: number
}

const STYLE = new Style({
  stroke: new Stroke({ color: '#FFB020', width: 2.5, lineDash: [8, 5] }),
  fill: new Fill({ color: 'rgba(255,176,32,0.16)' }),
  image: new Circle({ radius: 5, fill: new Fill({ color: '#FFB020' }), stroke: new Stroke({ color: '#10243A', width: 1.5 }) }),
})

/** Measuring by hand on the ellipsoid; ends by the returned function. */
export function startMeasuring(map: OlMap, kind: MeasureKind, onChange: (value: Measured) => void): () => void {
  const source = new VectorSource()
  const layer = new VectorLayer({ source, zIndex: 80, style: STYLE })
  const draw = new Draw({ source, type: kind === 'line' ? 'LineString' : 'Polygon', style: STYLE })

  draw.on('drawstart', (event) => {
    source.clear()
    event.feature.getGeometry()?.on('change', (change) => {
      const geometry = change.target as LineString | Polygon
      const line = geometry instanceof Polygon ? geometry.getCoordinates()[0]! : geometry.getCoordinates()
      const degrees = line.map(toDegrees)
      onChange({ kind, lengthM: lengthM(degrees), areaM2: geometry instanceof Polygon ? ringAreaM2(degrees) : 0 })
    })
  })
  map.addLayer(layer)
  map.addInteraction(draw)
  return () => {
    map.removeInteraction(draw)
    map.removeLayer(layer)
  }
}
