type OptionalKey<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

type OmitUndefined<T> = { [K in Exclude<keyof T, OptionalKey<T>>]: T[K] } & {
  [K in OptionalKey<T>]?: Exclude<T[K], undefined>;
};

/** A copy of the object without the fields whose value is undefined, so that none of them is sent, stored or spread. */
export function omitUndefined<const T extends object>(fields: T): OmitUndefined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as OmitUndefined<T>;
}
