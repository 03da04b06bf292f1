/**
 * Takes every occurrence of a secret out of a text. A second fence: no caller should put one in.
 * Secrets of fewer than 6 characters are left alone, or ordinary words would vanish.
 */
export function createRedact(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter((secret) => secret.length >= 6).sort((a, b) => b.length - a.length);
  return (text) => long.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}
