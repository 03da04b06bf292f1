/** Applies a function to all texts of a table. The names of languages, such as `locale: "fr"`, stay as they are. */
export function mapTexts<T extends object>(table: T, change: (text: string) => string): T {
  const entries = Object.entries(table).map(([name, value]) => [
    name,
    typeof value === "string" ? change(value) : mapTexts(value, change),
  ]);
  return Object.fromEntries(entries);
}
