/** The demo's console, which the build finds (runtime/build/bundle-page.js). */
declare module "groundcrew:console" {}

/** The page of the design system, a file of the build for development. */
declare module "/assets/design.js" {}
