// TypeScript types of the casework API, out of the server's own description of it:
//   landwarden openapi openapi.json && node scripts/types.mjs openapi.json
import { readFileSync, writeFileSync } from 'node:fs'

/** Answers and bodies that the client uses; whatever they are made of comes along. */
const ROOTS = [
  'AlarmList', 'AuditHead', 'CaseFileInfo', 'CasePapers', 'CaseTable', 'CellGroundInfo', 'CoverageInfo', 'CustodyList', 'DecisionBody', 'ErratumForm', 'ErratumInfo', 'EvidenceDetail', 'EvidenceReceipt',
  'FieldInfo', 'FieldsBody', 'FindingForm', 'FullJudgement', 'GridCorrectionInfo', 'GridCutInfo', 'HandoverForm', 'HeldList', 'HelpInfo', 'LeaveForm', 'LayerVersionRow', 'LotteryInfo', 'NetInfo', 'ObjectionBody', 'ObjectionList', 'OwnTicket', 'ParcelSeenInfo', 'QueueInfo', 'RulesInfo', 'RulesPreviewInfo',
  'PaperDetailInfo', 'PartyBody', 'PlaceAnswerInfo', 'PostHistory', 'RosterPreviewInfo', 'RosterReceipt', 'StaffedInfo',
  'PatchPieces', 'PauseBody', 'ReceiptInfo', 'ReplayInfo', 'ReviewBody', 'ServiceBody', 'SettleBody', 'TemplateCheck', 'TemplateInfo', 'WarningList', 'WhatIfBody', 'WhatIfInfo',
]
const KNOWN = { Geometry: 'GeoJsonGeometry' }
const target = new URL('../src/shared/api/casework.ts', import.meta.url)
const { schemas } = JSON.parse(readFileSync(process.argv[2], 'utf8')).components

const nameOf = (ref) => ref.split('/').at(-1)
const literal = (value) => (typeof value === 'string' ? `'${value}'` : String(value))
const PLAIN = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' }

function arrayOf(schema) {
  if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(', ')}]`
  const item = schema.items ? typeOf(schema.items) : 'unknown'
  return item.includes('|') ? `(${item})[]` : `${item}[]`
}

function typeOf(schema) {
  if (schema.$ref) return KNOWN[nameOf(schema.$ref)] ?? nameOf(schema.$ref)
  if (schema.enum) return schema.enum.map(literal).join(' | ')
  if (schema.const !== undefined) return literal(schema.const)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return [...new Set(choices.map(typeOf))].join(' | ')
  if (schema.allOf) return schema.allOf.map(typeOf).join(' & ')
  if (schema.type === 'array') return arrayOf(schema)
  if (schema.type === 'object') {
    return schema.additionalProperties && schema.additionalProperties !== true
      ? `Record<string, ${typeOf(schema.additionalProperties)}>` : 'Record<string, unknown>'
  }
  return PLAIN[schema.type] ?? 'unknown'
}

function reach(name, found) {
  if (found.has(name) || KNOWN[name]) return found
  if (!schemas[name]) throw new Error(`${name} is not in the description`)
  found.add(name)
  for (const [, ref] of JSON.stringify(schemas[name]).matchAll(/"\$ref":"([^"]+)"/g)) reach(nameOf(ref), found)
  return found
}

function interfaceOf(name) {
  const { description, properties = {}, required = [] } = schemas[name]
  // An answer always has all its fields; a body may leave out those with a default.
  const isBody = name.endsWith('Body') || name === 'FieldChange' || name === 'RuleTexts'
  const lines = Object.entries(properties).flatMap(([key, schema]) => {
    const note = schema.description ? [`  /** ${schema.description.replaceAll('*/', '* /')} */`] : []
    return [...note, `  ${key}${isBody && !required.includes(key) ? '?' : ''}: ${typeOf(schema)}${isBody && !required.includes(key) ? ' | undefined' : ''}`]
  })
  return [...(description ? [`/** ${description.split('\n')[0]} */`] : []), `export interface ${name} {`, ...lines, '}'].join('\n')
}

const names = [...ROOTS.reduce((found, root) => reach(root, found), new Set())].sort()
writeFileSync(target, [
  '// Made by scripts/types.mjs from the OpenAPI description: change that, not this.',
  "import type { GeoJsonGeometry } from './types'", '', names.map(interfaceOf).join('\n\n'), '',
].join('\n'))
console.log(`${names.length} types`)
