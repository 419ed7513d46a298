/** The phone's map: the newest image, tasks, own position. Small imports for a small page. */
import OlMap from 'ol/Map'
import View from 'ol/View'
import Feature from 'ol/Feature'
import GeoJSON from 'ol/format/GeoJSON'
import TileLayer from 'ol/layer/Tile'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import XYZ from 'ol/source/XYZ'
import { DoubleClickZoom, DragPan, MouseWheelZoom, PinchZoom } from 'ol/interaction'
import { boundingExtent } from 'ol/extent'
import { LineString, Point, type Geometry } from 'ol/geom'
import { circular } from 'ol/geom/Polygon'
import { Circle, Fill, Stroke, Style, Text } from 'ol/style'
import { API } from '@/shared/api/http'
import { patchDot, patchStyles } from '@/shared/geo/patchStyles'
import { registerCgcs2000, toDegrees, toMap } from '@/shared/geo/projection'
import { distanceM } from '@/shared/geo/measure'
import type { GeoJsonGeometry, Lonlat, Scene, StateKey } from '@/shared/api/types'
import type { Fix } from './state/position'

const LINE = [
  new Style({ stroke: new Stroke({ color: '#10243A', width: 6 }) }),
  new Style({ stroke: new Stroke({ color: '#FFD34D', width: 2.6, lineDash: [11, 8] }) }),
]
const ROUTE = [
  new Style({ stroke: new Stroke({ color: '#FFFFFF', width: 7 }) }),
  new Style({ stroke: new Stroke({ color: '#1E7BE0', width: 3.5 }) }),
]
const RING = new Style({
  fill: new Fill({ color: 'rgba(30,123,224,0.16)' }), stroke: new Stroke({ color: 'rgba(30,123,224,0.6)', width: 1.5 }),
})
const SELF = new Style({
  image: new Circle({ radius: 9, fill: new Fill({ color: '#1E7BE0' }), stroke: new Stroke({ color: '#FFFFFF', width: 3.5 }) }),
})

const LEFT = [
  new Style({ stroke: new Stroke({ color: '#FFFFFF', width: 4.5 }) }),
  new Style({ fill: new Fill({ color: 'rgba(179,35,26,0.22)' }), stroke: new Stroke({ color: '#B3231A', width: 2, lineDash: [8, 5] }) }),
]
const PIN = [
  new Style({ image: new Circle({ radius: 13, stroke: new Stroke({ color: '#FFFFFF', width: 6 }) }) }),
  new Style({ image: new Circle({ radius: 13, stroke: new Stroke({ color: '#B3231A', width: 3.5 }) }) }),
  new Style({ image: new Circle({ radius: 3.5, fill: new Fill({ color: '#B3231A' }), stroke: new Stroke({ color: '#FFFFFF', width: 1.5 }) }) }),
]

export interface TaskMark {
  id: string
  lonlat: Lonlat
  state: StateKey
  /** Its place in an outing. */
  place?: number
}

const numeral = (place: number): Text =>
  new Text({ text: String(place), font: '600 14px sans-serif', fill: new Fill({ color: '#FFFFFF' }), stroke: new Stroke({ color: '#10243A', width: 3 }) })

export class FieldMap {
  private readonly map: OlMap
  private readonly view = new View({ minZoom: 8, maxZoom: 20, enableRotation: false })
  private readonly image = new TileLayer<XYZ>({ visible: false })
  private readonly marks = new VectorSource()
  private readonly self = new VectorSource()
  private readonly route = new VectorSource()
  private readonly goal = new VectorSource()
  private readonly left = new VectorSource()
  private readonly pin = new VectorSource()
  private target: Lonlat | null = null

  constructor(element: HTMLElement, onPick: (id: string) => void, onState: (state: 'loading' | 'complete') => void, onPlace?: (place: Lonlat) => void) {
    registerCgcs2000()
    this.map = new OlMap({
      target: element, view: this.view, controls: [],
      interactions: [new DragPan(), new PinchZoom(), new DoubleClickZoom(), new MouseWheelZoom()],
      layers: [this.image, ...[this.left, this.route, this.marks, this.goal, this.self, this.pin].map((source) => new VectorLayer({ source, updateWhileInteracting: true }))],
    })
    this.map.on('loadstart', () => onState('loading'))
    this.map.on('rendercomplete', () => onState('complete'))
    this.map.on('singleclick', (event) => {
      const found = this.map.getFeaturesAtPixel(event.pixel, { hitTolerance: 14 }).find((each) => each.get('task') !== undefined)
      if (found) onPick(String(found.get('task')))
      else onPlace?.(toDegrees(event.coordinate))
    })
  }

  destroy(): void {
    this.map.setTarget(undefined)
    this.map.dispose()
  }

  setScene(scene: Scene | null): void {
    if (!scene || this.image.get('scene_id') === scene.scene_id) return
    this.image.set('scene_id', scene.scene_id)
    const maxZoom = Math.min(20, Math.ceil(Math.log2(156543.034 / Math.max(scene.gsd_m, 0.05))))
    this.image.setSource(new XYZ({ url: `${API}/tiles/scenes/${scene.scene_id}/{z}/{x}/{y}.webp`, maxZoom }))
    this.image.setVisible(true)
  }

  setMarks(marks: readonly TaskMark[]): void {
    this.marks.clear()
    for (const mark of marks) {
      const feature = new Feature({ geometry: new Point(toMap(mark.lonlat)), task: mark.id })
      feature.setStyle(new Style({ image: patchDot(mark.state, mark.place ? 9 : 4), ...(mark.place ? { text: numeral(mark.place) } : {}) }))
      this.marks.addFeature(feature)
    }
  }

  /** The way of an outing, from its start and back to it. */
  setRoute(line: readonly Lonlat[]): void {
    this.route.clear()
    if (line.length < 2) return
    const feature = new Feature(new LineString(line.map(toMap)))
    feature.setStyle(ROUTE)
    this.route.addFeature(feature)
  }

  /** The outline to reach; returns its map geometry's nearest distance by `distanceFrom`. */
  setGoal(outline: GeoJsonGeometry | null, state: StateKey, target: Lonlat | null): void {
    this.goal.clear()
    this.target = target
    if (!outline) return
    const geometry = new GeoJSON().readGeometry(outline, { dataProjection: 'EPSG:4326', featureProjection: 'EPSG:3857' }) as Geometry
    const feature = new Feature(geometry)
    feature.setId('outline')
    feature.setStyle(patchStyles(state, true))
    this.goal.addFeature(feature)
  }

  /** Cropland that was not walked yet. */
  setGround(shapes: readonly GeoJsonGeometry[], isShown: boolean): void {
    this.left.clear()
    for (const shape of shapes) {
      const geometry = new GeoJSON().readGeometry(shape, { dataProjection: 'EPSG:4326', featureProjection: 'EPSG:3857' }) as Geometry
      const feature = new Feature(geometry)
      feature.setStyle(LEFT)
      this.left.addFeature(feature)
    }
    const extent = this.left.getExtent()
    if (isShown && extent && isFinite(extent[0]!)) this.view.fit(extent, { padding: [48, 24, 24, 24], maxZoom: 17, size: this.map.getSize() ?? [390, 300] })
  }

  /** The place of a finding. */
  setPin(place: Lonlat | null): void {
    this.pin.clear()
    if (!place) return
    const feature = new Feature(new Point(toMap(place)))
    feature.setStyle(PIN)
    this.pin.addFeature(feature)
  }

  setFix(fix: Fix | null): void {
    this.self.clear()
    if (!fix) return
    if (this.target) {
      const line = new Feature(new LineString([toMap(fix.lonlat), toMap(this.target)]))
      line.setStyle(LINE)
      this.self.addFeature(line)
    }
    const ring = new Feature(circular(fix.lonlat, fix.accuracyM, 48).transform('EPSG:4326', 'EPSG:3857'))
    ring.setStyle(RING)
    const dot = new Feature(new Point(toMap(fix.lonlat)))
    dot.setStyle(SELF)
    this.self.addFeatures([ring, dot])
  }

  /** Shows the places given; a single one at a walker's scale. */
  show(places: readonly Lonlat[]): void {
    if (places.length === 0) return
    this.view.fit(boundingExtent(places.map(toMap)), { padding: [64, 44, 44, 44], maxZoom: 17, size: this.map.getSize() ?? [390, 300] })
  }

  center(place: Lonlat): void {
    this.view.animate({ center: toMap(place), zoom: Math.max(this.view.getZoom() ?? 16, 16), duration: 250 })
  }

  updateSize(): void {
    this.map.updateSize()
  }
}

/** Metres from a place to an outline: 0 inside. */
export function distanceToOutlineM(place: Lonlat, outline: GeoJsonGeometry): number {
  const geometry = new GeoJSON().readGeometry(outline, { dataProjection: 'EPSG:4326', featureProjection: 'EPSG:3857' }) as Geometry
  const at = toMap(place)
  if (geometry.intersectsCoordinate(at)) return 0
  return distanceM(place, toDegrees(geometry.getClosestPoint(at)))
}
