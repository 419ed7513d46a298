/** Longitude and latitude as somebody types them; null where they are not such. */
export function placeFrom(typed: string): [number, number] | null {
  const numbers = typed.trim().split(/[\s,，;；]+/).map(Number)
  const [lon, lat] = numbers
  if (numbers.length !== 2 || lon === undefined || lat === undefined) return null
  return lon >= 73 && lon <= 136 && lat >= 3 && lat <= 54 ? [lon, lat] : null
}
