/** The map of coverage and blind spots, without Vue: the net's cells by share, parcels by when they were last seen. */
import GeoJSON from 'ol/format/GeoJSON'
import MVT from 'ol/format/MVT'
import VectorLayer from 'ol/layer/Vector'
import VectorTileLayer from 'ol/layer/VectorTile'
import VectorSource from 'ol/source/Vector'
import VectorTileSource from 'ol/source/VectorTile'
import { Fill, Stroke, Style, Text } from 'ol/style'
import type { FeatureLike } from 'ol/Feature'
import type { Geometry } from 'ol/geom'
import type { CellGroundInfo, ParcelSeenInfo } from '@/shared/api/casework'
import { LABEL_FONT, LABEL_FROM_M_PER_PX, NetStage, READ } from '@/officer/net/netStage'
import { AGE_COLOURS, BLIND_COLOURS, classOf, NEAR_COLOURS, shareOf, stepOf, type Measure, type SeenCell } from './ages'
import { SEEN_TILES } from './api'

/** From here on parcels are shown one by one. */
export const PARCELS_TO_M_PER_PX = 9

export class SeenStage extends NetStage {
  private readonly parcels: VectorTileLayer
  private readonly ground = new VectorSource()
  private readonly parcel = new VectorSource()
  private readonly geojson = new GeoJSON()
  private shown = new Map<string, SeenCell>()
  private measure: Measure = 'blind'
  private steps: readonly number[] = []

  constructor(target: HTMLElement, onPick: (code: string, lonlat: [number, number]) => void) {
    super(target, onPick)
    const styles = AGE_COLOURS.map((colour, step) => new Style({
      fill: new Fill({ color: `${colour}b8` }),
      stroke: new Stroke({ color: '#ffffff', width: step === AGE_COLOURS.length - 1 ? 2 : 1, ...(step === AGE_COLOURS.length - 1 ? { lineDash: [4, 3] } : {}) }),
    }))
    this.parcels = new VectorTileLayer({
      source: new VectorTileSource({ format: new MVT({ idProperty: 'id' }), url: SEEN_TILES, minZoom: 13, maxZoom: 17, tileSize: 512 }),
      maxResolution: PARCELS_TO_M_PER_PX, renderMode: 'hybrid',
      style: (feature) => styles[stepOf((feature.get('days') as number | undefined) ?? null, this.steps)]!,
    })
    const layers = this.map.getLayers()
    layers.insertAt(1, this.parcels)
    layers.push(new VectorLayer({
      source: this.ground,
      style: new Style({ fill: new Fill({ color: 'rgba(11,92,173,0.30)' }), stroke: new Stroke({ color: '#0b3f7a', width: 1.6 }) }),
    }))
    layers.push(new VectorLayer({ source: this.parcel, style: new Style({ stroke: new Stroke({ color: '#FFD34D', width: 4 }) }) }))
  }

  /** Shares by which cells are coloured, and the steps of parcels. */
  setShares(cells: readonly SeenCell[], measure: Measure, steps: readonly number[]): void {
    this.shown = new Map(cells.map((cell) => [cell.code, cell]))
    this.measure = measure
    this.steps = steps
    this.restyle()
    this.parcels.changed()
  }

  setGround(ground: CellGroundInfo | null): void {
    this.draw(this.ground, ground?.covered)
  }

  setParcel(parcel: ParcelSeenInfo | null): void {
    this.draw(this.parcel, parcel?.outline)
    const extent = parcel ? this.parcel.getExtent() : null
    if (extent) this.show(extent)
  }

  /** Whether the map is close enough to show parcels one by one. */
  tellsParcels(): boolean {
    return (this.map.getView().getResolution() ?? Infinity) <= PARCELS_TO_M_PER_PX
  }

  private draw(source: VectorSource, geometry: Record<string, unknown> | undefined): void {
    source.clear(true)
    if (!geometry) return
    const feature = this.geojson.readFeature({ type: 'Feature', geometry, properties: {} }, READ)
    for (const each of Array.isArray(feature) ? feature : [feature]) if (each.getGeometry() as Geometry | undefined) source.addFeature(each)
  }

  protected override style(feature: FeatureLike, resolution: number): Style {
    const isChosen = feature.get('code') === this.chosen
    const cell = this.shown.get(String(feature.get('code')))
    const share = cell ? shareOf(cell, this.measure) : null
    const isClose = resolution <= PARCELS_TO_M_PER_PX
    const place = share === null ? 0 : classOf(share)
    const colour = share === null ? '#91969d' : (this.measure === 'blind' ? BLIND_COLOURS : NEAR_COLOURS)[place]!
    // Close up the parcels speak, and cells are only outlines that can be clicked.
    return new Style({
      zIndex: isChosen ? 1 : 0,
      fill: new Fill({ color: isClose ? 'rgba(0,0,0,0)' : `${colour}${place === 0 ? '70' : 'c0'}` }),
      stroke: new Stroke({ color: isChosen ? '#FFD34D' : '#10243a', width: isChosen ? 4 : 1.2 }),
      ...(isChosen || resolution < LABEL_FROM_M_PER_PX
        ? {
            text: new Text({
              text: `${String(feature.get('name'))}\n${share === null ? '—' : `${Math.round(share * 100)}%`}`, overflow: isChosen, font: LABEL_FONT,
              fill: new Fill({ color: '#FFFFFF' }), stroke: new Stroke({ color: 'rgba(16,36,58,0.9)', width: 4 }),
            }),
          }
        : {}),
    })
  }
}
