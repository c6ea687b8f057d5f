// Runs the planner beside the page: Pyodide, and the wheel of the operator.
//
// The page posts {id, values}, and gets {kind: "answer", id, answer}, then {kind: "row", id, size, cells} for each row
// of the map that another request has not overtaken; {kind: "failed", message} if the planner cannot run.

import { loadPyodide } from "./pyodide/pyodide.mjs";

const WHEEL = "internvl_operator.whl";
// The inputs that each field of the map has values of its own for.
const OF_A_FIELD = ["size", "gpu", "gpu-memory"];

const planner = load();
let newest = null;
let drawn = null;

self.onmessage = ({ data }) => {
  newest = data;
  answer(data).catch((error) => self.postMessage({ kind: "failed", message: String(error) }));
};

async function load() {
  const [python, wheel] = await Promise.all([
    loadPyodide({ indexURL: new URL("pyodide/", import.meta.url).href }),
    fetch(new URL(WHEEL, import.meta.url)).then(bytes),
  ]);
  python.unpackArchive(wheel, "wheel");
  return python.pyimport("internvl_operator.page.answers");
}

function bytes(response) {
  if (!response.ok) throw new Error(`${WHEEL}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

async function answer({ id, values, sizes }) {
  const { answer, map_row: mapRow } = await planner;
  if (newest.id !== id) return;
  self.postMessage({ kind: "answer", id, answer: JSON.parse(answer(JSON.stringify(values))) });
  const question = mapQuestion(values);
  if (question === drawn) return;
  drawn = null;
  for (const size of sizes) {
    await newMessages();
    if (newest.id !== id) return;
    self.postMessage({ kind: "row", id, size, cells: JSON.parse(mapRow(question, size)) });
  }
  drawn = question;
}

function mapQuestion(values) {
  return JSON.stringify(Object.fromEntries(Object.entries(values).filter(([name]) => !OF_A_FIELD.includes(name))));
}

function newMessages() {
  return new Promise((resolve) => setTimeout(resolve));
}
