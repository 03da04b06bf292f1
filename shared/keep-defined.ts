/** The values that are not undefined, in their order: for lists of which some entries may be missing. */
export function keepDefined<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}
