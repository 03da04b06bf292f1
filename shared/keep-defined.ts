/** Returns the values that are not undefined, in the same order: for lists with optional entries. */
export function keepDefined<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}
