/** The officer's map, without Vue: layers, comparison, selection. */
import OlMap from 'ol/Map'
import Overlay from 'ol/Overlay'
import View from 'ol/View'
import Feature from 'ol/Feature'
import GeoJSON from 'ol/format/GeoJSON'
import MVT from 'ol/format/MVT'
import TileLayer from 'ol/layer/Tile'
import VectorLayer from 'ol/layer/Vector'
import VectorTileLayer from 'ol/layer/VectorTile'
import VectorSource from 'ol/source/Vector'
import VectorTileSource from 'ol/source/VectorTile'
import XYZ from 'ol/source/XYZ'
import { DragPan, MouseWheelZoom, defaults as defaultInteractions } from 'ol/interaction'
import { intersects, getCenter } from 'ol/extent'
import { Point, type Geometry } from 'ol/geom'
import { Circle, Fill, RegularShape, Stroke, Style } from 'ol/style'
import { getRenderPixel } from 'ol/render'
import { unByKey } from 'ol/Observable'
import { toGeometry } from 'ol/render/Feature'
import type { FeatureLike } from 'ol/Feature'
import type RenderEvent from 'ol/render/Event'
import { API } from '@/shared/api/http'
import { extentToDegrees, extentToMap, registerCgcs2000, toDegrees, toMap } from '@/shared/geo/projection'
import { patchDot, patchStyles } from '@/shared/geo/patchStyles'
import type { Bbox, Evidence, GeoJsonGeometry, LayerInfo, Lonlat, PatchDetail, Scene, StateKey } from '@/shared/api/types'
import type { CompareMode } from '@/officer/url'
import { pieceFeature } from '@/officer/casework/pieces'
import type { MapPiece } from '@/officer/casework/store'
import { layerStyle } from './layerStyles'

/** Below this many metres a pixel a patch is drawn by its outline, above by a dot. */
const DOT_FROM_M_PER_PX = 14
/** A patch smaller than this on the screen is gone to when it is chosen. */
const SEEN_PX = 36
const BLINK_HALF_MS = 625
/** Room for the bars on the map: top, right, bottom, left. */
const FIT_PADDING = [16, 56, 72, 16]

export interface StageHandlers {
  onPick: (patchId: string | null, number: string) => void
  onHover: (patchId: string | null) => void
  onPointer: (lonlat: Lonlat | null) => void
  onMove: (view: { zoom: number; center: Lonlat; bbox: Bbox; mPerPx: number; isByProgram: boolean }) => void
  onState: (state: 'loading' | 'complete') => void
}

/** A source of its own for each layer: OpenLayers waits for ever where two layers share one. */
function patchSource(): VectorTileSource {
  return new VectorTileSource({
    format: new MVT({ idProperty: 'id' }), url: `${API}/tiles/patches/{z}/{x}/{y}.pbf`, minZoom: 8, maxZoom: 17,
  })
}

const idOf = (feature: FeatureLike): string => String(feature.get('id') ?? feature.getId())

const HOVER_FILL = new Style({ fill: new Fill({ color: 'rgba(255,255,255,0.28)' }) })
const HOVER_STYLE = new Style({ stroke: new Stroke({ color: '#FFFFFF', width: 3 }), fill: new Fill({ color: 'rgba(255,255,255,0.28)' }) })

type SceneLayer = TileLayer<XYZ>

function sceneLayer(zIndex: number): SceneLayer {
  return new TileLayer<XYZ>({ zIndex, preload: 1, visible: false })
}

export class MapStage {
  readonly map: OlMap
  readonly view: View
  private readonly before = sceneLayer(1)
  private readonly after = sceneLayer(2)
  private readonly patches: VectorTileLayer
  private readonly overlay = new VectorSource()
  private readonly hover = new VectorSource()
  private readonly references = new Map<string, VectorTileLayer>()
  private side: OlMap | null = null
  private readonly sideAfter = sceneLayer(1)
  /** The view moves by the program: what is "in view" stays what the officer chose. */
  private isRevealing = false
  private mode: CompareMode = 'swipe'
  private at = 0.5
  private isBeforeHeld = false
  private isBlinkOn = true
  private blinkTimer: ReturnType<typeof setInterval> | undefined
  private hoveredId: string | null = null
  private selectedId: string | null = null
  private visibleStates: ReadonlySet<StateKey> = new Set()
  private severityMin = 1
  private liveStates: ReadonlyMap<string, StateKey> = new Map()

  constructor(target: HTMLElement, extent: Bbox, private readonly handlers: StageHandlers) {
    registerCgcs2000()
    this.view = new View({ projection: 'EPSG:3857', minZoom: 7, maxZoom: 20.5, enableRotation: false, constrainResolution: false })
    this.patches = new VectorTileLayer({
      source: patchSource(), renderMode: 'hybrid', renderBuffer: 24, declutter: false, zIndex: 50,
      style: (feature, resolution) => this.patchStyle(feature, resolution),
    })
    this.map = new OlMap({
      target, view: this.view, controls: [], moveTolerance: 3,
      interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false, mouseWheelZoom: false }).extend([
        new MouseWheelZoom({ duration: 120 }),
      ]),
      layers: [
        this.before, this.after, this.patches,
        new VectorLayer({ source: this.hover, zIndex: 55 }),
        new VectorLayer({ source: this.overlay, zIndex: 60, updateWhileAnimating: true }),
      ],
    })
    this.view.fit(extentToMap(extent), { size: this.map.getSize() ?? [800, 600], padding: FIT_PADDING })
    this.clipAfter()
    this.listen()
  }

  destroy(): void {
    clearInterval(this.blinkTimer)
    this.closeSide()
    this.map.setTarget(undefined)
    this.map.dispose()
  }

  // --- events -----------------------------------------------------------------------------

  private listen(): void {
    const { map, handlers } = this
    map.on('loadstart', () => handlers.onState('loading'))
    map.on('movestart', () => handlers.onState('loading'))
    map.on('rendercomplete', () => handlers.onState('complete'))
    map.on('moveend', () => this.tellMove())
    map.on('singleclick', (event) => {
      const found = this.patchAt(event.pixel)
      handlers.onPick(found ? idOf(found) : null, String(found?.get('number') ?? ''))
    })
    map.on('pointermove', (event) => {
      handlers.onPointer(toDegrees(event.coordinate))
      if (event.dragging) return
      const found = this.patchAt(event.pixel)
      map.getViewport()?.classList.toggle('is-on-patch', found !== null)
      handlers.onHover(found ? idOf(found) : null)
    })
    map.getViewport()?.addEventListener('pointerleave', () => {
      handlers.onPointer(null)
      handlers.onHover(null)
    })
  }

  tellMove(): void {
    const size = this.map.getSize()
    if (!size || !size[0]) return
    const center = toDegrees(this.view.getCenter() ?? [0, 0])
    this.handlers.onMove({
      zoom: this.view.getZoom() ?? 0, center, bbox: extentToDegrees(this.view.calculateExtent(size)),
      isByProgram: this.isRevealing,
      mPerPx: (this.view.getResolution() ?? 1) * Math.cos((center[1] * Math.PI) / 180),
    })
  }

  /** The smallest patch under a pixel, so that one inside another can be reached. */
  private patchAt(pixel: number[]): FeatureLike | null {
    const found = this.map
      .getFeaturesAtPixel(pixel, { layerFilter: (layer) => layer === this.patches, hitTolerance: 4 })
      .filter((feature) => this.isShown(feature))
    return found.sort((a, b) => Number(a.get('area_m2')) - Number(b.get('area_m2')))[0] ?? null
  }

  // --- patches ----------------------------------------------------------------------------

  private stateOf(feature: FeatureLike): StateKey {
    return this.liveStates.get(idOf(feature)) ?? (feature.get('state') as StateKey)
  }

  private isShown(feature: FeatureLike): boolean {
    const isState = this.visibleStates.size === 0 || this.visibleStates.has(this.stateOf(feature))
    return isState && Number(feature.get('severity') ?? 4) >= this.severityMin
  }

  private patchStyle(feature: FeatureLike, resolution: number): Style | Style[] | undefined {
    if (!this.isShown(feature)) return undefined
    const state = this.stateOf(feature)
    if (resolution < DOT_FROM_M_PER_PX) return patchStyles(state)
    return new Style({
      image: patchDot(state, Number(feature.get('severity') ?? 1)),
      geometry: (each) => new Point(getCenter(each.getGeometry()!.getExtent())),
    })
  }

  setPatchFilter(states: readonly StateKey[], severityMin: number): void {
    this.visibleStates = new Set(states)
    this.severityMin = severityMin
    this.patches.changed()
  }

  setLiveStates(states: ReadonlyMap<string, StateKey>): void {
    this.liveStates = states
    this.patches.changed()
  }

  setHover(patchId: string | null): void {
    if (patchId === this.hoveredId) return
    this.hoveredId = patchId
    this.hover.clear()
    if (patchId === null || patchId === this.selectedId || !this.patches.getVisible()) return
    const shown = this.patches.getFeaturesInExtent(this.view.calculateExtent(this.map.getSize() ?? [1, 1]))
    const pieces = shown.filter((each) => idOf(each) === patchId && this.isShown(each))
    // A patch that tiles cut has edges along the cuts: only a whole one gets a line round it.
    const style = pieces.length > 1 ? HOVER_FILL : HOVER_STYLE
    for (const piece of pieces) {
      const feature = new Feature(toGeometry(piece))
      feature.setStyle(style)
      this.hover.addFeature(feature)
    }
  }

  /** Draws the chosen patch from its own outline, above the tiles. */
  setSelected(patch: PatchDetail | null): void {
    this.selectedId = patch?.patch_id ?? null
    if (this.hoveredId === this.selectedId) this.hover.clear()
    const isOfPatch = (feature: Feature): boolean => feature.getId() === 'selected' || feature.get('isPhoto') === true
    for (const old of this.overlay.getFeatures().filter(isOfPatch)) this.overlay.removeFeature(old)
    if (!patch) return
    const geometry = readGeometry(patch.outline)
    const feature = new Feature(geometry)
    feature.setId('selected')
    feature.setStyle(patchStyles(patch.state, true))
    this.overlay.addFeature(feature)
    this.overlay.addFeatures(patch.evidence.filter((each) => each.lonlat).map(photoFeature))
  }

  /** Parts of the chosen patch, above its outline; none takes them away. */
  setPieces(pieces: readonly MapPiece[]): void {
    for (const old of this.overlay.getFeatures().filter((each) => each.get('isPiece') === true)) this.overlay.removeFeature(old)
    this.overlay.addFeatures(pieces.map((each) => pieceFeature(each, readGeometry(each.geometry))))
  }

  /** Goes to a patch only where it is not on the screen, or too small to see. */
  reveal(bbox: Bbox): void {
    const extent = extentToMap(bbox)
    const shown = this.view.calculateExtent(this.map.getSize() ?? [1, 1])
    const widthPx = (extent[2]! - extent[0]!) / (this.view.getResolution() ?? 1)
    if (intersects(extent, shown) && widthPx > SEEN_PX && this.isWellInside(getCenter(extent), shown)) return
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.isRevealing = true
    this.view.fit(extent, {
      padding: [140, 140, 140, 140], maxZoom: 17.2, duration: isCalm ? 0 : 350, callback: () => setTimeout(() => (this.isRevealing = false), 100),
    })
  }

  private isWellInside(point: number[], shown: number[]): boolean {
    const [w, s, e, n] = shown as [number, number, number, number]
    const fx = (point[0]! - w) / (e - w)
    const fy = (point[1]! - s) / (n - s)
    return fx > 0.04 && fx < 0.94 && fy > 0.08 && fy < 0.92
  }

  pulseAt(lonlat: Lonlat): void {
    const element = document.createElement('div')
    element.className = 'map-pulse'
    const marker = new Overlay({ element, positioning: 'center-center', stopEvent: false, position: toMap(lonlat) })
    this.map.addOverlay(marker)
    setTimeout(() => this.map.removeOverlay(marker), 1100)
  }

  // --- reference layers -------------------------------------------------------------------

  setLayer(info: LayerInfo, isOn: boolean, opacity: number): void {
    let layer = this.references.get(info.kind)
    if (!layer) {
      if (!isOn) return
      layer = new VectorTileLayer({
        source: new VectorTileSource({
          format: new MVT({ idProperty: 'id' }), url: `${API}/tiles/layers/${info.kind}/{z}/{x}/{y}.pbf`,
          minZoom: info.min_zoom, maxZoom: 16,
        }),
        minZoom: info.min_zoom - 0.01, renderMode: 'hybrid', zIndex: info.kind === 'division' ? 30 : 20,
        declutter: info.kind === 'division', style: layerStyle(info.kind),
      })
      this.references.set(info.kind, layer)
      this.map.addLayer(layer)
    }
    layer.setVisible(isOn)
    layer.setOpacity(opacity)
  }

  setPatchLayer(isOn: boolean, opacity: number): void {
    this.patches.setVisible(isOn)
    if (!isOn) this.hover.clear()
    this.patches.setOpacity(opacity)
  }

  // --- imagery and comparison -------------------------------------------------------------

  private static fill(layer: SceneLayer, scene: Scene | null): void {
    layer.setVisible(scene !== null)
    if (!scene || layer.get('scene_id') === scene.scene_id) return
    layer.set('scene_id', scene.scene_id)
    layer.setSource(new XYZ({ url: `${API}/tiles/scenes/${scene.scene_id}/{z}/{x}/{y}.webp`, maxZoom: maxTileZoom(scene), transition: 120 }))
    layer.setExtent(readGeometry(scene.footprint).getExtent())
  }

  setScenes(before: Scene | null, after: Scene | null): void {
    MapStage.fill(this.before, before)
    MapStage.fill(this.after, after)
    MapStage.fill(this.sideAfter, after)
    this.applyMode()
  }

  setCompare(mode: CompareMode, at: number): void {
    const isNew = mode !== this.mode
    this.mode = mode
    this.at = at
    if (isNew) this.restartBlink()
    this.applyMode()
  }

  holdBefore(isHeld: boolean): void {
    this.isBeforeHeld = isHeld
    this.applyMode()
  }

  private restartBlink(): void {
    clearInterval(this.blinkTimer)
    this.isBlinkOn = true
    if (this.mode !== 'blink' || matchMedia('(prefers-reduced-motion: reduce)').matches) return
    this.blinkTimer = setInterval(() => {
      this.isBlinkOn = !this.isBlinkOn
      this.applyMode()
    }, BLINK_HALF_MS)
  }

  private applyMode(): void {
    const hasScene = this.after.getSource() !== null
    const isAfterShown = hasScene && !this.isBeforeHeld && this.mode !== 'side' && (this.mode !== 'blink' || this.isBlinkOn)
    this.after.setVisible(isAfterShown)
    this.after.setOpacity(this.mode === 'fade' ? this.at : 1)
    this.map.render()
  }

  get isBlinkAfter(): boolean {
    return this.isBlinkOn
  }

  private clipAfter(): void {
    let isClipped = false
    this.after.on('prerender', (event: RenderEvent) => {
      isClipped = this.mode === 'swipe' && event.context instanceof CanvasRenderingContext2D
      if (!isClipped) return
      const context = event.context as CanvasRenderingContext2D
      const [width = 0, height = 0] = this.map.getSize() ?? []
      const corners = [[width * this.at, 0], [width, 0], [width, height], [width * this.at, height]]
      context.save()
      context.beginPath()
      for (const corner of corners) {
        const [x, y] = getRenderPixel(event, corner) as [number, number]
        context.lineTo(x, y)
      }
      context.closePath()
      context.clip()
    })
    this.after.on('postrender', (event: RenderEvent) => {
      if (isClipped) (event.context as CanvasRenderingContext2D).restore()
      isClipped = false
    })
  }

  openSide(target: HTMLElement): void {
    this.closeSide()
    const patches = new VectorTileLayer({
      source: patchSource(), renderMode: 'hybrid', zIndex: 50, style: (feature, resolution) => this.patchStyle(feature, resolution),
    })
    this.side = new OlMap({
      target, view: this.view, controls: [], layers: [this.sideAfter, patches, new VectorLayer({ source: this.overlay, zIndex: 60 })],
      interactions: [new DragPan(), new MouseWheelZoom({ duration: 120 })],
    })
  }

  closeSide(): void {
    this.side?.setLayers([])
    this.side?.setTarget(undefined)
    this.side?.dispose()
    this.side = null
  }

  updateSize(): void {
    this.map.updateSize()
    this.side?.updateSize()
  }

  // --- tools ------------------------------------------------------------------------------

  zoomBy(delta: number): void {
    this.view.animate({ zoom: (this.view.getZoom() ?? 12) + delta, duration: 160 })
  }

  goHome(extent: Bbox): void {
    this.view.fit(extentToMap(extent), { padding: FIT_PADDING, duration: 300 })
  }

  goTo(lonlat: Lonlat, zoom: number): void {
    this.view.animate({ center: toMap(lonlat), zoom, duration: 300 })
  }

  setView(lonlat: Lonlat, zoom: number): void {
    this.view.setCenter(toMap(lonlat))
    this.view.setZoom(zoom)
  }

  /** A mark for a searched coordinate or the officer's own place. */
  mark(id: 'search' | 'self', lonlat: Lonlat | null): void {
    const old = this.overlay.getFeatureById(id)
    if (old) this.overlay.removeFeature(old)
    if (!lonlat) return
    const feature = new Feature(new Point(toMap(lonlat)))
    feature.setId(id)
    feature.setStyle(
      new Style({
        image: new Circle({
          radius: 8, fill: new Fill({ color: id === 'self' ? '#1E7BE0' : '#FFB020' }), stroke: new Stroke({ color: '#FFFFFF', width: 3 }),
        }),
      }),
    )
    this.overlay.addFeature(feature)
  }

  once(event: 'rendercomplete', handler: () => void): () => void {
    const key = this.map.once(event, handler)
    return () => unByKey(key)
  }
}

function readGeometry(geometry: GeoJsonGeometry): Geometry {
  return new GeoJSON().readGeometry(geometry, { dataProjection: 'EPSG:4326', featureProjection: 'EPSG:3857' }) as Geometry
}

/** Where a photo was taken, with a cone in the direction of the camera where that is known. */
function photoFeature(shot: Evidence): Feature {
  const feature = new Feature({ geometry: new Point(toMap(shot.lonlat!)), isPhoto: true })
  const dot = new Style({
    image: new Circle({ radius: 5, fill: new Fill({ color: '#1E7BE0' }), stroke: new Stroke({ color: '#FFFFFF', width: 2 }) }),
  })
  if (shot.bearing_deg === null) {
    feature.setStyle(dot)
    return feature
  }
  const cone = new Style({
    image: new RegularShape({
      points: 3, radius: 15, displacement: [0, 13], angle: Math.PI, fill: new Fill({ color: 'rgba(30,123,224,0.45)' }),
      rotation: (shot.bearing_deg * Math.PI) / 180,
    }),
  })
  feature.setStyle([cone, dot])
  return feature
}

/** Tiles beyond the ground resolution would only enlarge pixels; OpenLayers does that itself. */
function maxTileZoom(scene: Scene): number {
  const zoom = Math.ceil(Math.log2(156543.034 / Math.max(scene.gsd_m, 0.05)))
  return Math.min(20, Math.max(10, zoom))
}
