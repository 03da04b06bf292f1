/**
 * Fills a route pattern: each `:name` becomes `params.name`, encoded as one segment.
 * Throws a RangeError for a name that is missing and for a value that would lead to another route.
 */
export function fillRoute(pattern: string, params: Record<string, string>): string {
  return pattern.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined || value === "" || value === "." || value === "..")
      throw new RangeError(`The route ${pattern} cannot be asked for: its part :${name} is missing or not a name`);
    return encodeURIComponent(value);
  });
}

/** Plane's address without a slash at its end. Throws a RangeError, without repeating it, for what no request can go to. */
export function normalizeBaseUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new RangeError("Plane's address must be an http or https URL without a user, a query or a fragment");
  return url.href.replace(/\/+$/, "");
}
