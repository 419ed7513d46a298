import type OlMap from 'ol/Map'
import Feature from 'ol/Feature'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import Draw from 'ol/interaction/Draw'
import { Fill, Stroke, Style, Circle } from 'ol/style'
import { Point, Polygon } from 'ol/geom'
import { ringAreaM2 } from '@/shared/geo/measure'
import { toDegrees, toMap } from '@/shared/geo/projection'
import type { Lonlat } from '@/shared/api/types'

const STYLE = new Style({
  stroke: new Stroke({ color: '#B0230A', width: 2.5 }),
  fill: new Fill({ color: 'rgba(176,35,10,0.14)' }),
  image: new Circle({ radius: 6, fill: new Fill({ color: '#B0230A' }), stroke: new Stroke({ color: '#fff', width: 2 }) }),
})
const CORNERS = 32
const METRES_A_DEGREE = 111_320

export interface Outlined {
  ring: Lonlat[]
  areaM2: number
}

/** A ring about a place, for whoever draws without a mouse. */
export function ringAbout([lon, lat]: Lonlat, radiusM: number): Lonlat[] {
  const north = radiusM / METRES_A_DEGREE
  const east = north / Math.cos((lat * Math.PI) / 180)
  const ring = Array.from({ length: CORNERS }, (_, corner): Lonlat => {
    const turn = (2 * Math.PI * corner) / CORNERS
    return [lon + east * Math.cos(turn), lat + north * Math.sin(turn)]
  })
  return [...ring, ring[0]!]
}

/** One outline drawn over the images; a new one takes the place of the last. */
export class Outlining {
  private readonly source = new VectorSource()
  private readonly layer = new VectorLayer({ source: this.source, zIndex: 81, style: STYLE })
  private readonly draw = new Draw({ source: this.source, type: 'Polygon', style: STYLE })
  private shown: Feature<Polygon> | null = null

  constructor(private readonly map: OlMap, about: Lonlat, private readonly onDrawn: (value: Outlined | null) => void) {
    this.source.addFeature(new Feature(new Point(toMap(about))))
    this.draw.on('drawstart', () => this.clear())
    this.draw.on('drawend', (event) => this.take(event.feature as Feature<Polygon>))
    map.addLayer(this.layer)
    map.addInteraction(this.draw)
  }

  /** Shows a ring as if it had been drawn. */
  set(ring: Lonlat[]): void {
    this.clear()
    const feature = new Feature(new Polygon([ring.map(toMap)]))
    this.source.addFeature(feature)
    this.take(feature)
  }

  clear(): void {
    this.draw.abortDrawing()
    if (this.shown && this.source.hasFeature(this.shown)) this.source.removeFeature(this.shown)
    this.shown = null
    this.onDrawn(null)
  }

  stop(): void {
    this.map.removeInteraction(this.draw)
    this.map.removeLayer(this.layer)
  }

  private take(feature: Feature<Polygon>): void {
    this.shown = feature
    const ring = feature.getGeometry()!.getCoordinates()[0]!.map(toDegrees)
    this.onDrawn({ ring, areaM2: ringAreaM2(ring) })
  }
}
