/** Plain values: JSON, and objects and lists without the parts that are undefined. */

type OptionalKey<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

type OmitUndefined<T> = { [K in Exclude<keyof T, OptionalKey<T>>]: T[K] } & {
  [K in OptionalKey<T>]?: Exclude<T[K], undefined>;
};

/** Changed fields of a record; an optional one may be undefined, which removes it. */
export type Changes<T> = {
  [K in keyof T]?: Partial<Pick<T, K>> extends Pick<T, K> ? T[K] | undefined : T[K];
};

/** Plain JSON, which every engine returns exactly as it was stored. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };

/** Returns a copy of the object without the fields whose value is undefined, so that they are not sent or stored. */
export function omitUndefined<const T extends object>(fields: T): OmitUndefined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as OmitUndefined<T>;
}

/** Returns a copy of the record with these fields changed, without those that are undefined. */
export function changeFields<T extends object>(record: T, changes: Changes<T>): T {
  return omitUndefined({ ...record, ...changes }) as T;
}

/** Returns the values that are not undefined, in the same order: for lists with optional entries. */
export function keepDefined<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}

/** The value at a path such as `sandbox.mode` in parsed JSON; undefined where there is none. */
export function readPath(json: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => Object(value)[name], json);
}
