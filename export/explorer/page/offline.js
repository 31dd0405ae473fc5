// Keeps every file of the page, so that it works without a network after the first load.
// All pages of an origin share its caches: the address of this page, which ends before the space, marks its own.
const OWN = `latent-explorer ${registration.scope} `;
const CACHE = `${OWN}VERSION`;
const FILES = ["./", "index.html", "style.css", "icon.svg", "app.js", "decoder.js", "latent.js", "map.js", "model.json",
  "decoder.tflite", "vendor/litert.js", "vendor/wasm-utils.js", "vendor/wasm/litert_wasm_internal.js",
  "vendor/wasm/litert_wasm_internal.wasm"];
const opened = () => caches.open(CACHE);

addEventListener("install", (event) => event.waitUntil(opened().then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(caches.keys().then((names) =>
  Promise.all(names.filter((name) => name.startsWith(OWN) && name !== CACHE).map((name) => caches.delete(name)))).then(() => self.clients.claim())));
addEventListener("fetch", (event) => event.respondWith(opened().then((cache) => cache.match(event.request, { ignoreSearch: true }))
  .then((hit) => hit ?? fetch(event.request))));
