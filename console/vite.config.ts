import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// Where the server of invented cameras listens in development: `python -m console.dev`.
const server = process.env["CUSTODES_DEV_SERVER"] ?? "http://127.0.0.1:8801";

export default defineConfig({
  // Relative, so that the files may be served under any path.
  base: "./",
  plugins: [
    svelte(),
    paraglideVitePlugin({
      project: "./project.inlang",
      outdir: "./src/words/generated",
      strategy: ["globalVariable", "baseLocale"],
      emitTsDeclarations: true,
    }),
  ],
  build: {
    outDir: "dist",
    target: "es2023",
    // The content policy allows no data: address; every file is a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: server, ws: true },
      "/tiles": { target: server },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
