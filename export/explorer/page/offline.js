// Keeps every file of the page, so that it works without a network after the first load.
const CACHE = "latent-explorer-VERSION";
const FILES = ["./", "index.html", "style.css", "icon.svg", "app.js", "decoder.js", "latent.js", "map.js", "model.json",
  "decoder.tflite", "vendor/litert.js", "vendor/wasm-utils.js", "vendor/wasm/litert_wasm_internal.js",
  "vendor/wasm/litert_wasm_internal.wasm"];

addEventListener("install", (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(caches.keys().then((names) =>
  Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))).then(() => self.clients.claim())));
addEventListener("fetch", (event) => event.respondWith(caches.match(event.request, { ignoreSearch: true }).then((hit) => hit ?? fetch(event.request))));
