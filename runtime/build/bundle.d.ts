/** Bundles programs into a folder; returns the paths of all modules that are in them. */
export function bundlePrograms(programs: Record<string, string>, folder: string): Promise<string[]>;
