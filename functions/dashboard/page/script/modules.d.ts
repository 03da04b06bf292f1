/** The demo's console, which the build finds (runtime/build/bundle-page.js). */
declare module "groundcrew:console" {}
