// The page: one code, shown by sliders and a picture; everything else changes that code.
import { loadDecoder, toImageData } from "./decoder.js";
import { fromLink, shifted, slerp, standardNormal, toLink } from "./latent.js";
import { makeMap } from "./map.js";

const $ = (id) => document.getElementById(id);
const STEPS = 11;
let about, decode, sample, map;
let z, from, to;

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

// One decode at a time; of the codes that come meanwhile only the newest is decoded.
let wanted = null;
let busy = null;
function show(code) {
  wanted = code;
  busy ??= (async () => {
    while (wanted) {
      const next = wanted;
      wanted = null;
      const start = performance.now();
      const image = await decode(next);
      $("timing").textContent = `decoded in ${(performance.now() - start).toFixed(2)} ms`;
      paint($("picture"), [image]);
    }
    busy = null;
  })();
  return busy;
}

function paint(canvas, images) {
  const [height, width] = about.image_shape;
  canvas.width = width * images.length;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  images.forEach((image, index) => pen.putImageData(toImageData(image, about.image_shape), index * width, 0));
}

function setCode(code) {
  z = Float32Array.from(code);
  for (const input of document.querySelectorAll("#sliders input")) {
    const value = z[Number(input.dataset.dimension)];
    input.value = value;
    input.nextElementSibling.textContent = value.toFixed(2);
  }
  document.body.dataset.code = toLink(z);
  return show(z);
}

function makeSliders() {
  for (const dimension of about.order) {
    const row = document.createElement("label");
    row.className = "slider";
    const name = document.createElement("span");
    const nats = document.createElement("small");
    nats.textContent = ` ${about.kl[dimension].toFixed(2)}`;
    name.append(`z${dimension}`, nats);
    const input = Object.assign(document.createElement("input"), {
      type: "range", min: -about.range, max: about.range, step: 0.01,
    });
    input.dataset.dimension = dimension;
    input.setAttribute("aria-label", `Latent dimension ${dimension}`);
    const change = (value) => setCode(z.map((old, i) => (i === dimension ? value : old)));
    input.addEventListener("input", () => change(Number(input.value)));
    input.addEventListener("dblclick", () => change(about.mean[dimension]));
    row.append(name, input, document.createElement("span"));
    $("sliders").append(row);
  }
}

async function drawStrip() {
  const images = [];
  for (let step = 0; step < STEPS; step += 1) images.push(await decode(slerp(from, to, step / (STEPS - 1))));
  paint($("strip"), images);
}

function setEnds(start, end) {
  [from, to] = [start, end];
  return drawStrip();
}

// The picture of a seed, drawn as the model's endpoint `sample` draws it everywhere else.
async function random() {
  const seed = Number($("seed").value) | 0;
  $("seed").value = seed + 1;
  map?.clear();
  if (!about.has_prior) return setCode(standardNormal(seed, about.latent_dim));
  const start = performance.now();
  const { image, code } = await sample(seed, Number($("class").value));
  $("timing").textContent = `drawn in ${(performance.now() - start).toFixed(2)} ms`;
  document.body.dataset.drawn = `${seed}`;
  if (about.latent_dim) return setCode(code);
  document.body.dataset.code = Array.from(code).join(",");
  paint($("picture"), [image]);
}

function makeClasses() {
  if (!about.classes?.length) return;
  $("classes").hidden = false;
  about.classes.forEach((name, index) => $("class").append(new Option(name, index)));
  $("class").append(new Option("any", about.classes.length, true, true));
}

function download() {
  $("picture").toBlob((blob) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: "decoded.png" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

async function share() {
  location.hash = `z=${toLink(z)}`;
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link to this picture is copied.");
  } catch {
    say("The link to this picture is in the address bar.");
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  map?.redraw();
}

const switchTheme = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
const reset = () => { map?.clear(); setCode(about.mean); };

function makeArithmetic() {
  if (!about.label_means) return;
  $("arithmetic").hidden = false;
  about.labels.forEach((label, index) => {
    $("plus").append(new Option(label, index, false, index === 0));
    $("minus").append(new Option(label, index, false, index === 1));
  });
  $("apply").addEventListener("click", () => {
    const [plus, minus] = [about.label_means[$("plus").value], about.label_means[$("minus").value]];
    setCode(shifted(z, plus, minus, Number($("strength").value)));
  });
}

function listen() {
  const keys = about.latent_dim
    ? { r: random, 0: reset, s: download, l: share, t: switchTheme }
    : { r: random, s: download, t: switchTheme };
  $("random").addEventListener("click", random);
  $("reset").addEventListener("click", reset);
  $("download").addEventListener("click", download);
  $("share").addEventListener("click", share);
  $("theme").addEventListener("click", switchTheme);
  $("from").addEventListener("click", () => setEnds(z, to));
  $("to").addEventListener("click", () => setEnds(from, z));
  $("mix").addEventListener("input", () => setCode(slerp(from, to, Number($("mix").value))));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=number], select");
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) keys[event.key]?.();
  });
  if (about.latent_dim) addEventListener("hashchange", useLink);
}

function useLink() {
  const code = fromLink(location.hash.replace(/^#z=/, ""), about.latent_dim);
  if (code) setCode(code);
  return Boolean(code);
}

async function start() {
  setTheme(localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  about = await (await fetch("model.json")).json();
  ({ decode, sample } = await loadDecoder(about));
  makeClasses();
  if (!about.latent_dim) return startSamples();
  $("about").textContent = `${about.model} of ${about.data}, ${about.latent_dim} latents`;
  makeSliders();
  makeArithmetic();
  map = makeMap($("map"), $("legend"), about, (point, asEnd) => {
    setCode(point.z);
    if (asEnd) setEnds(from, z);
    else setEnds(z, to);
  });
  listen();
  document.querySelector("main").hidden = false;
  z = Float32Array.from(about.mean);
  if (!useLink()) await setCode(about.points[0].z);
  await setEnds(Float32Array.from(about.points[0].z), Float32Array.from(about.points[1].z));
  ready();
}

// A model whose code has no sliders shows what its prior draws.
async function startSamples() {
  $("about").textContent = `${about.model} of ${about.data}`;
  for (const id of ["codes", "atlas", "between", "reset", "share"]) $(id).hidden = true;
  listen();
  document.querySelector("main").hidden = false;
  await random();
  ready();
}

function ready() {
  say("");
  document.body.dataset.ready = "true";
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("offline.js").catch(() => {});
}

start().catch((error) => say(`This page could not start: ${error.message}`, true));
