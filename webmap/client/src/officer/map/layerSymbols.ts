/** How each reference layer is drawn, on the map and in its legend swatch. */
export interface LayerSymbol {
  stroke: string
  width: number
  dash?: number[]
  fill?: string
  /** 45° lines in this colour instead of a solid fill. */
  hatch?: string
  hatchAngle?: 45 | 135
  /** So many small features that their outlines are left out from afar. */
  isDense?: boolean
}

const FALLBACK: LayerSymbol = { stroke: '#5B6878', width: 1.2 }

export const LAYER_SYMBOLS: Record<string, LayerSymbol> = {
  division: { stroke: '#FFFFFF', width: 1.4, dash: [10, 4, 2, 4] },
  land_survey: { stroke: 'rgba(255,255,255,0.75)', width: 0.8 },
  basic_farmland: { stroke: '#2E9A53', width: 1.1, hatch: '#2E9A53', hatchAngle: 45, isDense: true },
  ecological_redline: { stroke: '#00806A', width: 2, fill: 'rgba(0,128,106,0.12)' },
  urban_boundary: { stroke: '#D0487E', width: 2, dash: [10, 5], fill: 'rgba(208,72,126,0.08)' },
  construction_approval: { stroke: '#5B5BD6', width: 1.8, fill: 'rgba(91,91,214,0.16)' },
  planning_permit: { stroke: '#C28A00', width: 1.8, fill: 'rgba(233,185,73,0.18)' },
  facility_filing: { stroke: '#7A8F1E', width: 1.6, fill: 'rgba(160,185,50,0.18)' },
  temporary_use: { stroke: '#B5651D', width: 1.6, dash: [5, 4], fill: 'rgba(181,101,29,0.14)' },
  mining_right: { stroke: '#6B4BA1', width: 2, hatch: '#6B4BA1', hatchAngle: 135 },
  parcel: { stroke: '#F2F5F8', width: 0.9 },
  grid_cell: { stroke: '#4C9BEA', width: 1.4, dash: [7, 4] },
}

export const symbolOf = (kind: string): LayerSymbol => LAYER_SYMBOLS[kind] ?? FALLBACK
