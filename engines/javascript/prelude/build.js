// Bundles the prelude into one expression: a function that is given `native` and returns the hooks.

import { build } from "esbuild";

await build({
  entryPoints: [`${import.meta.dirname}/src/main.js`],
  outfile: `${import.meta.dirname}/../target/prelude.js`,
  bundle: true,
  format: "iife",
  globalName: "prelude",
  target: "es2023",
  // Names stay, so that stacks can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  banner: { js: '(function (native) {"use strict";' },
  footer: { js: "return prelude.hooks;})" },
  legalComments: "none",
  logLevel: "warning",
});
