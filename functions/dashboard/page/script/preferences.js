/**
 * What this browser remembers from another time. Storage may be forbidden: then nothing is remembered.
 * @param {"language" | "project"} name
 */
export function readPreference(name) {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** @param {"language" | "project"} name @param {string} value */
export function savePreference(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {}
}
