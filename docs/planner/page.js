// Connects the form, the address, the planner and what is shown of its answers.

import { drawAnswer, drawFailure, enableCopying } from "./answer.js";
import { drawForm, fill, markRefused, offerSizes, valuesOf } from "./form.js";
import { drawMap, drawRow, markChosen } from "./map.js";

// A person who types is not told of every letter that makes no sense yet.
const TYPING_MILLISECONDS = 250;

const form = document.getElementById("inputs");
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const description = await (await fetch("description.json")).json();
const asked = new Map();
let request = 0;
let typing;
let drawnSizes;

document.getElementById("version").textContent = description.version;
drawForm(form, description.inputs);
enableCopying();
readAddress();

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", ({ target }) => {
  clearTimeout(typing);
  if (target.name === "series") offerSizes(form, sizesOf(target.value));
  typing = setTimeout(ask, target.tagName === "SELECT" ? 0 : TYPING_MILLISECONDS);
});
window.addEventListener("hashchange", readAddress);

worker.onmessage = ({ data }) => {
  if (data.kind === "failed") {
    drawFailure(data.message);
  } else if (data.kind === "row") {
    drawRow(data.size, data.cells);
    markChosen(valuesOf(form));
  } else if (data.id === request) {
    drawAnswer(data.answer);
    markRefused(form, data.answer.refusal);
    performance.measure("answer", { start: asked.get(data.id) });
    asked.clear();
  }
};
worker.onerror = (event) => drawFailure(event.message ?? "the planner cannot be loaded");

function ask() {
  const values = valuesOf(form);
  const sizes = sizesOf(values.series);
  if (sizes !== drawnSizes) drawMap(sizes, description.gpus, choose);
  drawnSizes = sizes;
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
  markChosen(values);
  request += 1;
  asked.set(request, performance.now());
  worker.postMessage({ id: request, values, sizes });
}

function sizesOf(series = "") {
  return description.sizes[series] ?? description.sizes[""];
}

function choose(size, gpu) {
  fill(form, { ...valuesOf(form), size, gpu, "gpu-memory": "" });
  ask();
}

function readAddress() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const begin = description.inputs.filter((input) => input.required || !location.hash.slice(1));
  offerSizes(form, sizesOf(given.series));
  fill(form, { ...Object.fromEntries(begin.map(({ name, initial }) => [name, initial])), ...given });
  ask();
}
