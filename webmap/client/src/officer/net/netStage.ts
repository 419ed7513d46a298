/** The map of the net, without Vue: cells by state over the newest image. */
import OlMap from 'ol/Map'
import View from 'ol/View'
import GeoJSON from 'ol/format/GeoJSON'
import TileLayer from 'ol/layer/Tile'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import XYZ from 'ol/source/XYZ'
import { toLonLat } from 'ol/proj'
import { Fill, Stroke, Style, Text } from 'ol/style'
import type Feature from 'ol/Feature'
import type { Extent } from 'ol/extent'
import type { Geometry } from 'ol/geom'
import type { FeatureLike } from 'ol/Feature'
import { API } from '@/shared/api/http'
import { registerCgcs2000 } from '@/shared/geo/projection'
import type { Scene } from '@/shared/api/types'
import type { CellAnswerInfo } from '@/shared/api/casework'
import type { NetState } from './store'

/** Colour, and line for who does not see colour: whole, dashed, dotted. */
export const LOOKS: Record<NetState, { fill: string; line: string; dash: number[] }> = {
  holder: { fill: 'rgba(18,124,94,0.34)', line: '#0c644b', dash: [] },
  acting: { fill: 'rgba(217,137,0,0.44)', line: '#8a5a00', dash: [9, 4] },
  vacant: { fill: 'rgba(176,35,10,0.46)', line: '#8f1a06', dash: [3, 4] },
}
export const LABEL_FROM_M_PER_PX = 14
export const LABEL_FONT = '13px "Noto Sans CJK SC", "Microsoft YaHei", sans-serif'
export const READ = { dataProjection: 'EPSG:4490', featureProjection: 'EPSG:3857' }

export class NetStage {
  protected readonly map: OlMap
  private readonly source = new VectorSource()
  private readonly image = new TileLayer<XYZ>({ visible: false, opacity: 0.85 })
  private readonly cells: VectorLayer
  private readonly format = new GeoJSON()
  protected chosen = ''

  constructor(target: HTMLElement, onPick: (code: string, lonlat: [number, number]) => void) {
    registerCgcs2000()
    this.cells = new VectorLayer({ source: this.source, style: (feature, resolution) => this.style(feature, resolution), declutter: true })
    this.map = new OlMap({
      target, layers: [this.image, this.cells], controls: [],
      view: new View({ center: [12_560_000, 4_160_000], zoom: 11, minZoom: 7, maxZoom: 18 }),
    })
    this.map.on('singleclick', (event) => {
      const [found] = this.map.getFeaturesAtPixel(event.pixel, { layerFilter: (layer) => layer === this.cells })
      onPick(found ? String(found.get('code')) : '', toLonLat(event.coordinate) as [number, number])
    })
    this.map.on('pointermove', (event) => {
      if (event.dragging) return
      const isOver = this.map.hasFeatureAtPixel(event.pixel, { layerFilter: (layer) => layer === this.cells })
      target.style.cursor = isOver ? 'pointer' : ''
    })
  }

  destroy(): void {
    this.map.setTarget(undefined)
    this.map.dispose()
  }

  setScene(scene: Scene | null): void {
    this.image.setVisible(scene !== null)
    if (!scene) return
    const maxZoom = Math.min(18, Math.max(10, Math.ceil(Math.log2(156543.034 / Math.max(scene.gsd_m, 0.05)))))
    this.image.setSource(new XYZ({ url: `${API}/tiles/scenes/${scene.scene_id}/{z}/{x}/{y}.webp`, maxZoom }))
    this.image.setExtent((this.format.readGeometry(scene.footprint, READ) as Geometry).getExtent())
  }

  /** Shows cells; `fits` also goes to where they are. */
  setCells(cells: readonly CellAnswerInfo[], fits: boolean): void {
    this.source.clear(true)
    this.source.addFeatures(
      cells.map((cell) => {
        const feature = this.format.readFeature({ type: 'Feature', geometry: cell.outline, properties: {} }, READ) as Feature
        feature.setProperties({ code: cell.code, name: cell.name, person: cell.person, state: cell.state })
        feature.setId(cell.code)
        return feature
      }),
    )
    if (fits && cells.length > 0) this.map.getView().fit(this.source.getExtent() as Extent, { padding: [40, 40, 40, 40], maxZoom: 16 })
  }

  choose(code: string): void {
    if (this.chosen === code) return
    this.chosen = code
    this.cells.changed()
    const geometry = this.source.getFeatureById(code)?.getGeometry()
    if (geometry) this.show(geometry.getExtent())
  }

  protected restyle(): void {
    this.cells.changed()
  }

  /** Goes there only where it is not in view already. */
  protected show(extent: Extent): void {
    const size = this.map.getSize()
    if (!size) return
    const view = this.map.getView()
    const [west, south, east, north] = view.calculateExtent(size) as [number, number, number, number]
    const [x1, y1, x2, y2] = extent as [number, number, number, number]
    if (x1 < west || y1 < south || x2 > east || y2 > north) view.fit(extent, { padding: [60, 60, 60, 60], maxZoom: 15, duration: 200 })
  }

  protected style(feature: FeatureLike, resolution: number): Style {
    const isChosen = feature.get('code') === this.chosen
    const look = LOOKS[feature.get('state') as NetState]
    return new Style({
      zIndex: isChosen ? 1 : 0,
      fill: new Fill({ color: look.fill }),
      stroke: new Stroke({ color: isChosen ? '#FFD34D' : look.line, width: isChosen ? 4 : 1.6, lineDash: isChosen ? [] : look.dash }),
      ...(isChosen || resolution < LABEL_FROM_M_PER_PX
        ? {
            text: new Text({
              text: `${String(feature.get('name'))}\n${String(feature.get('person'))}`, overflow: isChosen,
              font: LABEL_FONT,
              fill: new Fill({ color: '#FFFFFF' }), stroke: new Stroke({ color: 'rgba(16,36,58,0.9)', width: 4 }),
            }),
          }
        : {}),
    })
  }
}
